#include "client/names/special.h"

#include <algorithm>
#include <string>
#include <unordered_map>

#include "mime/collation.h"
#include "protocol/imap/values.h"

namespace eilpost::client {

namespace {

struct Use {
  std::string_view attribute;
  std::string_view name;
  std::string_view names;  // parted by "|", as those who gave them write them, in lower case
};

// From the localized names of Outlook and Exchange, Apple Mail, Thunderbird, Gmail and the
// webmailers that people leave behind.
constexpr Use uses[] = {
    {"\\Sent", "Sent",
     "sent|sent items|sent messages|sent mail|sent-mail|sentmail|sent_items|"
     "gesendet|gesendete elemente|gesendete objekte|gesendete nachrichten|gesendete mails|"
     "envoyés|éléments envoyés|messages envoyés|courrier envoyé|objets envoyés|envoyes|"
     "enviados|elementos enviados|mensajes enviados|correo enviado|enviado|"
     "itens enviados|mensagens enviadas|e-mails enviados|e-mail enviado|"
     "posta inviata|inviati|inviata|elementi inviati|messaggi inviati|"
     "verzonden|verzonden items|verzonden berichten|verzonden objecten|"
     "skickat|skickade objekt|skickade meddelanden|skickade|"
     "sendt|sendte elementer|sendt post|sendte meldinger|sendte beskeder|sendte e-mails|"
     "lähetetyt|lähetetyt kohteet|lähetetyt viestit|"
     "wysłane|elementy wysłane|wysłane wiadomości|odeslané|odeslaná pošta|odeslaná|"
     "odoslané|odoslaná pošta|elküldött|elküldött elemek|elküldött üzenetek|"
     "elemente trimise|trimise|mesaje trimise|отправленные|отправленные сообщения|"
     "відправлені|надіслані|надіслані елементи|изпратени|poslano|poslane stavke|"
     "σταλμένα|απεσταλμένα|gönderilmiş öğeler|gönderilmiş postalar|gönderilenler|"
     "送信済みアイテム|送信済み|送信済みメール|已发送|已发送邮件|已傳送|寄件備份|보낸 "
     "편지함|보낸메일함"},
    {"\\Drafts", "Drafts",
     "drafts|draft|draft messages|entwürfe|entwurf|brouillons|brouillon|borradores|borrador|"
     "rascunhos|rascunho|bozze|bozza|concepten|concept|utkast|kladder|kladde|luonnokset|"
     "wersje robocze|szkice|robocze|koncepty|rozepsané|koncepty zpráv|piszkozatok|ciorne|"
     "черновики|чернетки|чернови|nacrti|osnutki|πρόχειρα|taslaklar|下書き|草稿|草稿箱|草稿匣|"
     "임시 보관함|임시보관함"},
    {"\\Trash", "Trash",
     "trash|deleted items|deleted messages|deleted|bin|rubbish|wastebasket|deleted_items|"
     "papierkorb|gelöschte elemente|gelöschte objekte|gelöschte nachrichten|gelöscht|"
     "corbeille|éléments supprimés|messages supprimés|objets supprimés|"
     "papelera|elementos eliminados|mensajes eliminados|papelera de reciclaje|eliminados|"
     "lixo|lixeira|itens excluídos|itens eliminados|mensagens excluídas|lixo eletrónico apagado|"
     "cestino|posta eliminata|elementi eliminati|messaggi eliminati|"
     "prullenbak|prullenmand|verwijderde items|verwijderde berichten|verwijderde objecten|"
     "papperskorg|papperskorgen|borttaget|borttagna objekt|"
     "papirkurv|papirkurven|slettede elementer|slettet post|søppel|søppelbøtte|slettede meldinger|"
     "roskakori|poistetut|poistetut kohteet|kosz|elementy usunięte|koš|odstraněná pošta|"
     "odstránená pošta|odstranená pošta|törölt elemek|kuka|lomtár|elemente șterse|coș de gunoi|"
     "корзина|удаленные|удалённые|удаленные сообщения|кошик|видалені|видалені елементи|кошче|"
     "smeće|koš za smeti|izbrisano|κάδος|κάδος απορριμμάτων|διαγραμμένα|çöp kutusu|"
     "silinmiş öğeler|çöp|ごみ箱|ゴミ箱|削除済みアイテム|已删除|已删除邮件|垃圾桶|刪除的郵件|"
     "지운 편지함|휴지통"},
    {"\\Junk", "Junk",
     "junk|spam|junk e-mail|junk email|junk mail|bulk mail|bulk|junk_mail|"
     "junk-e-mail|spam-verdacht|spamverdacht|unerwünscht|"
     "courrier indésirable|indésirables|pourriel|correo no deseado|no deseado|"
     "lixo eletrônico|lixo eletrónico|correio eletrónico de lixo|email de lixo|"
     "posta indesiderata|indesiderata|ongewenste e-mail|ongewenst|ongewenste mail|"
     "skräppost|uønsket e-mail|søppelpost|uønsket e-post|uønsket mail|roskaposti|"
     "wiadomości-śmieci|wiadomości śmieci|niechciane|nevyžádaná pošta|nevyžiadaná pošta|"
     "levélszemét|mesaje nedorite|e-mail nedorit|нежелательная почта|спам|небажана пошта|"
     "нежелана поща|neželena pošta|neželjena pošta|ανεπιθύμητα|ανεπιθύμητη αλληλογραφία|"
     "önemsiz e-posta|gereksiz|istenmeyen posta|迷惑メール|垃圾邮件|垃圾郵件|정크 메일|스팸메일함|"
     "스팸함"},
    {"\\Archive", "Archive",
     "archive|archives|archived|archiv|archivés|archivio|archivo|archivados|arquivo|"
     "arquivo morto|archief|arkiv|arkivering|arkisto|archiwum|archív|archivum|"
     "archívum|arhivă|arhiva|arhiv|архив|архів|αρχείο|αρχειοθήκη|arşiv|アーカイブ|归档|存档|封存|"
     "보관|보관함"},
};

constexpr std::string_view others =
    "calendar|contacts|tasks|notes|journal|outbox|conversation history|sync issues|files|"
    "rss feeds|rss subscriptions|suggested contacts|quick step settings|working set|birthdays|"
    "kalender|kontakte|aufgaben|notizen|postausgang|verlauf der unterhaltung|aufgezeichnete "
    "unterhaltungen|synchronisierungsprobleme|rss-feeds|rss-abonnements|vorgeschlagene kontakte|"
    "calendrier|tâches|boîte d'envoi|historique des conversations|problèmes de synchronisation|"
    "flux rss|calendario|contactos|tareas|notas|diario|bandeja de salida|historial de "
    "conversaciones|problemas de sincronización|contatti|attività|note|posta in uscita|"
    "cronologia conversazioni|problemi di sincronizzazione|agenda|contactpersonen|taken|notities|"
    "logboek|postvak uit|gespreksgeschiedenis|synchronisatieproblemen|calendário|contatos|"
    "tarefas|caixa de saída|kontakter|uppgifter|anteckningar|utkorg|opgaver|noter|udbakke|"
    "oppgaver|notater|utboks|kalenteri|yhteystiedot|tehtävät|lähtevät|kalendarz|kontakty|zadania|"
    "notatki|skrzynka nadawcza|kalendář|úkoly|poznámky|pošta k odeslání|календарь|контакты|"
    "задачи|заметки|исходящие";

// Compared without regard to case in any alphabet, nor to how accents are composed.
std::string key_of(std::string_view name) {
  std::string key;
  mime::append_collation_key(mime::Collation::unicode_casemap, name, key);
  return key;
}

using Table = std::unordered_map<std::string, std::string_view>;

void add_names(Table& table, std::string_view names, std::string_view meaning) {
  while (!names.empty()) {
    const size_t end = std::min(names.find('|'), names.size());
    table.emplace(key_of(names.substr(0, end)), meaning);
    names.remove_prefix(std::min(end + 1, names.size()));
  }
}

const Table& table_of_uses() {
  static const Table table = [] {
    Table out;
    for (const Use& use : uses) add_names(out, use.names, use.attribute);
    return out;
  }();
  return table;
}

const Table& table_of_others() {
  static const Table table = [] {
    Table out;
    add_names(out, others, "other");
    return out;
  }();
  return table;
}

}  // namespace

std::string_view special_use_of_name(std::string_view name) {
  const auto found = table_of_uses().find(key_of(name));
  return found == table_of_uses().end() ? "" : found->second;
}

bool is_other_than_mail(std::string_view name) {
  return table_of_others().count(key_of(name)) != 0;
}

std::string_view name_of_special_use(std::string_view special_use) {
  for (const Use& use : uses) {
    if (imap::equal_nocase(use.attribute, special_use)) return use.name;
  }
  return "";
}

}  // namespace eilpost::client
