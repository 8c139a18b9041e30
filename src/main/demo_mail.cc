#include "main/demo_mail.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "main/mail/stager.h"
#include "mime/compose.h"

namespace eilpost {

namespace {

using Words = std::vector<std::string_view>;

struct Topic {
  std::string_view subject;
  Words sentences;
};

const std::vector<mime::Mailbox>& people() {
  static const std::vector<mime::Mailbox> table = {
      {"Annika Bäcker", "annika@example.com"},    {"Jörg Müßig", "joerg.muessig@example.net"},
      {"Priya Raman", "priya@example.com"},       {"O'Connor, Siobhán", "siobhan@example.ie"},
      {"田中 健", "tanaka@example.jp"},           {"Ludwig Østergård", "ludwig@example.dk"},
      {"Mary Whitfield", "mary.w@example.co.uk"}, {"", "noreply@shop.example"},
      {"Zoë Lefèvre", "zoe@example.fr"},          {"Vereinsbüro TSV", "buero@tsv.example"},
      {"Build Server", "ci@build.example"},       {"Δημήτρης", "dimitris@example.gr"}};
  return table;
}

const std::vector<Topic>& topics() {
  static const std::vector<Topic> table = {
      {"Wanderung am Samstag",
       {"Das Wetter soll gut werden, also bleibt es beim Treffpunkt um neun am Bahnhof.",
        "Bitte denkt an feste Schuhe und genügend Wasser.",
        "Die Strecke ist etwa 14 km lang, mit einer Einkehr nach der Hälfte.",
        "Wer ein Auto hat, könnte zwei Leute aus der Südstadt mitnehmen.",
        "Ich habe die Karte angehängt; der blaue Weg ist der richtige."}},
      {"Angebot für die neue Küche",
       {"vielen Dank für Ihre Anfrage vom vergangenen Dienstag.",
        "Die Arbeitsplatte aus Eiche können wir in sechs Wochen liefern.",
        "Im Preis sind Aufmaß, Lieferung und Montage enthalten.",
        "Für Rückfragen erreichen Sie uns werktags zwischen 8 und 17 Uhr.",
        "Mit freundlichen Grüßen aus der Werkstatt"}},
      {"Quarterly numbers",
       {"The draft is attached; page 3 still has last year's exchange rates.",
        "Revenue is up eleven percent, mostly because of the two northern regions.",
        "Could you check the table on travel costs before Thursday?",
        "I would rather publish a day late than with a wrong total.",
        "Let us keep the summary to one page."}},
      {"Re-reading the storage paper",
       {"Section 4 is better than I remembered: the log is cut only behind every reader.",
        "What puzzles me is the claim about latency under mixed load.",
        "They measured with an empty cache, which nobody runs in production.",
        "I have put my notes into the shared folder.",
        "Shall we talk about it over lunch on Wednesday?"}},
      {"Einladung zur Mitgliederversammlung",
       {"hiermit laden wir herzlich zur ordentlichen Mitgliederversammlung ein.",
        "Auf der Tagesordnung stehen der Kassenbericht und die Wahl des Vorstands.",
        "Anträge bitte bis zum Ende der Woche schriftlich an das Büro.",
        "Für Getränke ist gesorgt, über Kuchenspenden freuen wir uns."}},
      {"Build failed on main",
       {"The nightly build stopped in the test stage after 14 minutes.",
        "Two tests of the parser failed; both pass when they run alone.",
        "The log is attached, the last good commit was yesterday's.",
        "Nobody has been assigned yet."}},
      {"Your order is on its way",
       {"Good news: the parcel left our warehouse this morning.",
        "It should arrive within two or three working days.",
        "You can return anything you do not like within thirty days.",
        "Thank you for shopping with us."}},
      {"Photos from the lake",
       {"I finally sorted the pictures, here are the best ones.",
        "The one with the dog in the boat made everybody laugh.",
        "If you want the full size, tell me and I will put them on a stick.",
        "We should go again in September, before it gets cold."}},
  };
  return table;
}

struct Folder {
  std::string_view name;
  int messages;
};
constexpr std::array<Folder, 7> folders{{{"INBOX", 120},
                                         {"Sent", 40},
                                         {"Archive", 60},
                                         {"Drafts", 4},
                                         {"Junk", 15},
                                         {"Trash", 12},
                                         {"Projekte/Umbau", 30}}};

class Generator {
 public:
  Generator(Random& random, Timestamp now) : random_(random), now_(now.seconds()) {}

  mime::Draft next(std::string_view folder, int age);
  store::NewMessage flags_for(std::string_view folder, int age);

 private:
  bool chance(uint64_t percent) { return random_.below(100) < percent; }
  template <class T>
  const T& pick(const std::vector<T>& from) {
    return from[random_.below(from.size())];
  }
  std::string text_of(const Topic& topic);
  std::string html_of(const std::string& text, std::string_view subject);
  void attach(mime::Draft& draft);

  Random& random_;
  int64_t now_;
  int number_ = 0;
  // What may be answered: subject and ids so far, by topic.
  std::map<std::string_view, std::vector<std::string>> threads_;
};

std::string Generator::text_of(const Topic& topic) {
  const bool german = topic.subject.find_first_of("ü") != std::string_view::npos ||
                      topic.sentences[0].find("das") != std::string_view::npos ||
                      topic.subject.find("Wander") != std::string_view::npos;
  std::string out = german ? "Hallo,\n\n" : "Hi,\n\n";
  const uint64_t paragraphs = 1 + random_.below(4);
  for (uint64_t p = 0; p < paragraphs; ++p) {
    const uint64_t sentences = 1 + random_.below(4);
    for (uint64_t s = 0; s < sentences; ++s) {
      out += pick(topic.sentences);
      out += ' ';
    }
    out += "\n\n";
  }
  return out + (german ? "Viele Grüße\n" : "Best wishes\n");
}

std::string Generator::html_of(const std::string& text, std::string_view subject) {
  std::string out = fmt::format("<html><body><h2>{}</h2>\n<p>", subject);
  for (const char c : text) {
    if (c == '\n') {
      out += "<br>\n";
    } else if (c == '&') {
      out += "&amp;";
    } else {
      out += c;
    }
  }
  return out + "</p>\n<p style=\"color:#777\">— sent with ♥</p></body></html>\n";
}

// A picture of one colour as a portable pixmap: small to write, and a real image.
std::string picture(Random& random) {
  std::string out = "P6\n32 32\n255\n";
  const std::string colour = random.octets(3);
  for (int i = 0; i < 32 * 32; ++i) out += colour;
  return out;
}

void Generator::attach(mime::Draft& draft) {
  switch (random_.below(4)) {
    case 0:
      draft.attachments.push_back(
          {"Übersicht.csv", "text/csv", "Monat;Umsatz\r\nJanuar;1200\r\nFebruar;1340\r\n"});
      break;
    case 1:
      draft.attachments.push_back({"IMG_0042.ppm", "image/x-portable-pixmap", picture(random_)});
      draft.attachments.push_back({"IMG_0043.ppm", "image/x-portable-pixmap", picture(random_)});
      break;
    case 2: {
      std::string log;
      for (int i = 0; i < 400; ++i) log += fmt::format("[{:4}] step {} ok\n", i, i * 7 % 101);
      draft.attachments.push_back({"build.log", "text/plain", log});
      break;
    }
    default:
      draft.attachments.push_back(
          {"Bericht (endgültig).bin", "application/octet-stream", random_.octets(20'000)});
  }
}

mime::Draft Generator::next(std::string_view folder, int age) {
  const Topic& topic = pick(topics());
  const mime::Mailbox me{"User Eins", "user1@example.org"};
  mime::Draft draft;
  const bool mine = folder == "Sent" || folder == "Drafts";
  const mime::Mailbox other = pick(people());
  draft.from = mine ? me : other;
  draft.to = {mine ? other : me};
  if (chance(25)) draft.cc = {pick(people()), pick(people())};
  draft.date = {now_ - age * 7'300LL - static_cast<int64_t>(random_.below(3'600)),
                static_cast<int>(random_.below(5)) * 60 - 60};
  draft.message_id = fmt::format("demo-{}@example.org", ++number_);
  std::vector<std::string>& thread = threads_[topic.subject];
  draft.subject = topic.subject;
  if (!thread.empty() && chance(45)) {
    draft.subject = fmt::format("{}{}", chance(50) ? "Re: " : "AW: ", topic.subject);
    draft.references = thread;
  } else {
    thread.clear();
  }
  thread.push_back(draft.message_id);
  if (thread.size() > 8) thread.erase(thread.begin());
  if (folder == "Junk") draft.subject = "Sie haben gewonnen!!! " + draft.subject;
  draft.text = text_of(topic);
  if (!draft.references.empty()) draft.text += "\n> " + std::string(pick(topic.sentences)) + "\n";
  if (chance(35)) draft.html = html_of(draft.text, draft.subject);
  if (chance(20)) attach(draft);
  if (topic.subject == "Your order is on its way") {
    draft.extra_fields.emplace_back("List-Unsubscribe", "<https://shop.example/unsubscribe>");
  }
  return draft;
}

// The newest few of INBOX are unseen.
store::NewMessage Generator::flags_for(std::string_view folder, int age) {
  store::NewMessage out;
  const bool fresh = folder == "INBOX" && age < 15;
  if (!fresh && folder != "Junk") out.flags |= store::flag_seen;
  if (folder == "Drafts") out.flags |= store::flag_draft | store::flag_seen;
  if (chance(15)) out.flags |= store::flag_flagged;
  if (folder == "INBOX" && !fresh && chance(30)) out.flags |= store::flag_answered;
  if (folder == "Junk") out.keywords.emplace_back("$Junk");
  if (chance(10)) out.keywords.emplace_back(chance(50) ? "$Label1" : "todo");
  if (chance(5)) out.keywords.emplace_back("$Forwarded");
  return out;
}

const store::Author author{"demo", "demo"};

Result<> fill_folder(store::Account& account, const Folder& folder, Generator& generator) {
  const std::string name(folder.name);
  const MailboxId mailbox = TRY(ensure_mailbox(account, author, name, 0));
  store::AppendRequest request;
  request.mailbox = mailbox;
  for (int i = 0; i < folder.messages; ++i) {
    const int age = folder.messages - i - 1;
    const mime::Draft draft = generator.next(folder.name, age);
    Stager stager = TRY(Stager::begin(account, "demo " + name));
    TRY(stager.feed(mime::compose(draft)));
    store::NewMessage message = TRY(stager.finish());
    const store::NewMessage flags = generator.flags_for(folder.name, age);
    message.flags = flags.flags;
    message.keywords = flags.keywords;
    message.cold.internal_date = {draft.date.seconds,
                                  static_cast<int16_t>(draft.date.zone_minutes)};
    request.messages.push_back(std::move(message));
  }
  TRY(append_wait(account, author, std::move(request)));
  return {};
}

}  // namespace

Result<> fill_with_mail(server::ServerWorld& world, const directory::Account& who) {
  const store::AccountPtr account =
      TRY(server::open_account_wait(world.store, who.partition(), *world.settings.get()));
  const auto inbox = account->counters(store::inbox_id);
  if (!inbox || inbox->uid_next != Uid(1)) return {};
  Random random(20260101);
  Generator generator(random, world.clock.now());
  // INBOX last: it is what tells that the others are filled.
  for (auto folder = folders.rbegin(); folder != folders.rend(); ++folder) {
    TRY(fill_folder(*account, *folder, generator));
  }
  return {};
}

}  // namespace eilpost
