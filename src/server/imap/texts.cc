#include "server/imap/texts.h"

#include <algorithm>
#include <array>

#include "protocol/imap/values.h"

namespace eilpost::server {

namespace {

struct Line {
  std::string_view english;
  std::string_view german;
};

// In the order of the English texts' octets.
constexpr auto table = std::to_array<Line>({
    {"A limit of this server is reached.", "Eine Grenze dieses Servers ist erreicht."},
    {"CONDSTORE is on", "CONDSTORE ist eingeschaltet"},
    {"DEFLATE from here on", "von hier an mit DEFLATE"},
    {"ESEARCH is not kept up to date", "ESEARCH wird nicht fortgeführt"},
    {"It exists already.", "Das gibt es schon."},
    {"It is in use; try again later.", "Das wird gerade benutzt; bitte später noch einmal."},
    {"It is too big for this server.", "Das ist zu groß für diesen Server."},
    {"Not possible now; try again later.", "Zurzeit nicht möglich; bitte später noch einmal."},
    {"Some messages are gone.", "Einige Nachrichten sind nicht mehr da."},
    {"Some messages were changed meanwhile.", "Einige Nachrichten wurden inzwischen geändert."},
    {"Stored data is damaged.", "Gespeicherte Daten sind beschädigt."},
    {"That cannot be done.", "Das geht nicht."},
    {"The URL cannot be used.", "Die URL ist nicht brauchbar."},
    {"The account's quota is used up.", "Der Speicherplatz des Kontos ist aufgebraucht."},
    {"The charset is not known.", "Der Zeichensatz ist nicht bekannt."},
    {"The command is not valid.", "Der Befehl ist nicht gültig."},
    {"The mailbox has children.", "Der Ordner enthält weitere Ordner."},
    {"The name or the password is wrong.", "Der Name oder das Passwort ist falsch."},
    {"The part cannot be decoded.", "Der Teil lässt sich nicht entschlüsseln."},
    {"The password has expired.", "Das Passwort ist abgelaufen."},
    {"The result could not be saved.", "Das Ergebnis konnte nicht gemerkt werden."},
    {"The server made a mistake; it has been logged.",
     "Dem Server ist ein Fehler unterlaufen; er ist im Protokoll vermerkt."},
    {"There is no such mailbox.", "Einen solchen Ordner gibt es nicht."},
    {"There is no such thing.", "So etwas gibt es nicht."},
    {"UIDs do not last here.", "UIDs bleiben hier nicht bestehen."},
    {"Use TLS for that.", "Dafür ist TLS nötig."},
    {"You may not act for that user.", "Sie dürfen nicht für diesen Benutzer handeln."},
    {"You may not do that.", "Das dürfen Sie nicht."},
    {"a batch has at least 500 messages", "ein Abschnitt hat mindestens 500 Nachrichten"},
    {"a message without octets: nothing is appended",
     "eine Nachricht ohne Inhalt: nichts wurde gespeichert"},
    {"a part's encoding cannot be decoded", "die Kodierung eines Teils ist nicht bekannt"},
    {"all of the messages are gone", "keine der Nachrichten ist noch da"},
    {"appended", "gespeichert"},
    {"begin TLS now", "TLS kann beginnen"},
    {"bye", "auf Wiedersehen"},
    {"checked", "geprüft"},
    {"closed", "geschlossen"},
    {"copied", "kopiert"},
    {"created", "angelegt"},
    {"deleted", "gelöscht"},
    {"done", "erledigt"},
    {"done with the highest uids", "mit den höchsten UIDs erledigt"},
    {"enabled", "eingeschaltet"},
    {"examined", "zum Lesen geöffnet"},
    {"expunged", "endgültig gelöscht"},
    {"fetched", "geholt"},
    {"idle for too long", "zu lange untätig"},
    {"idle is over", "das Warten ist zu Ende"},
    {"idle was ended", "das Warten wurde beendet"},
    {"listed", "aufgelistet"},
    {"log in again", "bitte neu anmelden"},
    {"log in first", "bitte erst anmelden"},
    {"log in under TLS", "bitte mit TLS anmelden"},
    {"logged in", "angemeldet"},
    {"logging out", "Abmeldung"},
    {"messages are compared by this", "danach wird verglichen"},
    {"more body sections than one FETCH may name", "mehr Teile, als ein FETCH nennen darf"},
    {"more entries than one command may name", "mehr Einträge, als ein Befehl nennen darf"},
    {"more has happened than can be told", "es ist mehr geschehen, als gemeldet werden kann"},
    {"more messages than one UIDBATCHES may part",
     "mehr Nachrichten, als ein UIDBATCHES teilen darf"},
    {"more messages than one command may work on",
     "mehr Nachrichten, als ein Befehl bearbeiten darf"},
    {"more octets than one APPEND may hold", "mehr, als ein APPEND fassen darf"},
    {"more patterns than one LIST may have", "mehr Muster, als ein LIST haben darf"},
    {"moved", "verschoben"},
    {"nice to meet you", "angenehm"},
    {"nine tenths of the quota are used", "neun Zehntel des Speicherplatzes sind belegt"},
    {"no more is told", "es wird nichts mehr gemeldet"},
    {"no such mailbox", "einen solchen Ordner gibt es nicht"},
    {"no such mechanism", "ein solches Verfahren gibt es nicht"},
    {"no such messages", "solche Nachrichten gibt es nicht"},
    {"no such search is kept up to date", "eine solche Suche wird nicht fortgeführt"},
    {"nobody may log in from here", "von hier darf sich niemand anmelden"},
    {"none of these comparators is here", "keinen dieser Vergleiche gibt es hier"},
    {"none of these languages is spoken here", "keine dieser Sprachen wird hier gesprochen"},
    {"nothing can be changed", "nichts lässt sich ändern"},
    {"nothing to expunge", "nichts zu löschen"},
    {"only administrators set quotas", "nur Verwalter setzen Speichergrenzen"},
    {"renamed", "umbenannt"},
    {"replaced", "ersetzt"},
    {"searched", "gesucht"},
    {"select a mailbox first", "bitte erst einen Ordner öffnen"},
    {"selected", "geöffnet"},
    {"set", "gesetzt"},
    {"some had changed since", "einige hatten sich seitdem geändert"},
    {"some of the messages are damaged", "einige der Nachrichten sind beschädigt"},
    {"sorted", "sortiert"},
    {"still here", "noch da"},
    {"still working", "noch in Arbeit"},
    {"stored", "vermerkt"},
    {"subscribed", "abonniert"},
    {"such a limit cannot be set", "eine solche Grenze lässt sich nicht setzen"},
    {"the app password only reads", "das App-Passwort darf nur lesen"},
    {"the entry's name is too long", "der Name des Eintrags ist zu lang"},
    {"the literal is larger than this server takes",
     "das ist größer, als dieser Server es annimmt"},
    {"the mail program has to say what it is (ID) before login",
     "das Mailprogramm muss vor der Anmeldung sagen, was es ist (ID)"},
    {"the mailbox is gone", "den Ordner gibt es nicht mehr"},
    {"the mailbox was opened read-only", "der Ordner wurde nur zum Lesen geöffnet"},
    {"the message is larger than this server takes",
     "die Nachricht ist größer, als dieser Server sie annimmt"},
    {"the messages of INBOX were moved", "die Nachrichten des Posteingangs wurden verschoben"},
    {"the quota would be exceeded", "der Speicherplatz reicht dafür nicht"},
    {"the replacement is there", "der Ersatz ist da"},
    {"the selected mailbox has a new UIDVALIDITY",
     "der geöffnete Ordner hat eine neue UIDVALIDITY"},
    {"the selected mailbox was deleted", "der geöffnete Ordner wurde gelöscht"},
    {"the server is going down", "der Server wird angehalten"},
    {"the server's shared entries are read-only",
     "die gemeinsamen Einträge des Servers lassen sich nur lesen"},
    {"the session ends", "die Sitzung endet"},
    {"the value is not a search", "der Wert ist keine Suche"},
    {"the value is too long", "der Wert ist zu lang"},
    {"there is no such message", "eine solche Nachricht gibt es nicht"},
    {"there is no such named search", "eine Suche dieses Namens gibt es nicht"},
    {"these are the batches", "das sind die Abschnitte"},
    {"these are the capabilities", "das sind die Fähigkeiten"},
    {"these are the languages", "das sind die Sprachen"},
    {"these are the namespaces", "das sind die Namensräume"},
    {"this account logs in under TLS only", "dieses Konto meldet sich nur mit TLS an"},
    {"this account may not log in from here", "dieses Konto darf sich von hier nicht anmelden"},
    {"this charset is not known", "dieser Zeichensatz ist nicht bekannt"},
    {"this comparator knows no substrings", "dieser Vergleich kennt keine Teile von Texten"},
    {"this is spoken from here on", "von hier an wird Deutsch gesprochen"},
    {"this is the delimiter", "das ist das Trennzeichen"},
    {"this is the quota", "das ist der Speicherplatz"},
    {"this is the status", "das ist der Zustand"},
    {"this mail program may not be used here",
     "dieses Mailprogramm darf hier nicht benutzt werden"},
    {"this search cannot be kept up to date", "diese Suche lässt sich nicht fortführen"},
    {"this session was ended by the server", "diese Sitzung wurde vom Server beendet"},
    {"this special use cannot be given", "diese besondere Verwendung lässt sich nicht vergeben"},
    {"threaded", "nach Gesprächen geordnet"},
    {"too many bad commands", "zu viele fehlerhafte Befehle"},
    {"too many failed logins", "zu viele misslungene Anmeldungen"},
    {"too many literals in one command", "zu viele Literale in einem Befehl"},
    {"too many searches are kept up to date", "zu viele Suchen werden fortgeführt"},
    {"too much is kept up to date", "zu viel wird fortgeführt"},
    {"try again later", "bitte später noch einmal"},
    {"unselected", "geschlossen"},
    {"unsubscribed", "abbestellt"},
    {"what came is not DEFLATE", "was kam, ist kein DEFLATE"},
    {"you are logged in already", "Sie sind schon angemeldet"},
    {"you will be told", "das wird gemeldet"},
});

constexpr bool is_ordered() {
  for (size_t i = 1; i < table.size(); ++i) {
    if (table[i - 1].english >= table[i].english) return false;
  }
  return true;
}
static_assert(is_ordered(), "the table is searched by halves");

}  // namespace

std::string_view language_tag(Language language) {
  switch (language) {
    case Language::international: return "i-default";
    case Language::english: return "en";
    case Language::german: return "de";
  }
  return {};
}

std::vector<Language> languages() {
  return {Language::english, Language::german, Language::international};
}

std::optional<Language> find_language(std::string_view range) {
  if (range == "*" || imap::equal_nocase(range, "default")) return Language::international;
  while (!range.empty()) {
    for (const Language language : languages()) {
      if (imap::equal_nocase(range, language_tag(language))) return language;
    }
    const size_t dash = range.rfind('-');
    if (dash == std::string_view::npos) break;
    range = range.substr(0, dash);
    // RFC 4647 3.4: a single letter or digit is taken off together with what follows it.
    if (range.size() >= 2 && range[range.size() - 2] == '-') range.remove_suffix(2);
  }
  return std::nullopt;
}

std::string_view text_in(Language language, std::string_view english) {
  if (language != Language::german) return english;
  const auto* at =
      std::lower_bound(table.begin(), table.end(), english,
                       [](const Line& line, std::string_view text) { return line.english < text; });
  return at != table.end() && at->english == english ? at->german : english;
}

std::vector<std::string_view> known_texts() {
  std::vector<std::string_view> out;
  for (const Line& line : table) out.push_back(line.english);
  return out;
}

}  // namespace eilpost::server
