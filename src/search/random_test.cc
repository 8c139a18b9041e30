// The evaluator against a reference that never decodes anything: messages are made from texts that
// the test knows, written down in random charsets and encodings, and random programs are asked of
// both.
#include <algorithm>
#include <string>
#include <vector>

#include "mime/charset.h"
#include "mime/decode.h"
#include "mime/header.h"
#include "search/search_testing.h"

namespace eilpost::search {
namespace {

using Strings = std::vector<std::string>;

struct KnownField {
  std::string name;
  std::string value;  // decoded
  bool present = true;
};

// A message as the reference knows it.
struct Known {
  std::vector<KnownField> fields;  // of the message itself
  Strings headers;                 // of its parts: "Name: value" lines, searched by TEXT only
  Strings texts;                   // of its body, with the headers of attached messages
  std::optional<int64_t> sent_day;
  int64_t internal_day = 0;
  int64_t internal_seconds = 0;
  uint64_t size = 0;
  uint8_t flags = 0;
  Strings keywords;
  Uid uid;
};

// Repertoires with a charset of their own, all of characters that the charset can write.
struct Script {
  Strings charsets;
  Strings words;
};
const std::vector<Script> scripts = {
    {{"us-ascii", "utf-8", "iso-8859-1", "windows-1251", "utf-16be", "iso-2022-jp", ""},
     {"alpha", "Beta", "GAMMA", "delta-4", "x=y", "_under", "e", "=3D", "end."}},
    {{"iso-8859-1", "utf-8", "windows-1252", "utf-16be"},
     {"Straße", "STRASSE", "für", "ÜBER", "Ärger", "naïve", "plain", "é"}},
    {{"windows-1251", "utf-8", "utf-16be"}, {"Привет", "МИР", "слово", "Жук", "latin", "я"}},
    {{"iso-2022-jp", "utf-8", "utf-16be"}, {"こんにちは", "せかい", "ひらがな", "ascii", "Abc"}},
};

std::string utf16be_of(std::string_view utf8) {
  std::string out;
  for (size_t i = 0; i < utf8.size();) {
    const auto c = static_cast<unsigned char>(utf8[i]);
    const int size = c < 0x80 ? 1 : c < 0xe0 ? 2 : 3;
    unsigned code = size == 1 ? c : size == 2 ? c & 0x1f : c & 0x0f;
    for (int k = 1; k < size; ++k) code = code << 6 | (static_cast<unsigned>(utf8[i + k]) & 0x3f);
    out.push_back(static_cast<char>(code >> 8));
    out.push_back(static_cast<char>(code));
    i += static_cast<size_t>(size);
  }
  return out;
}

// The texts of `scripts` in their charsets, from their code points.
std::string written(std::string_view utf8, const std::string& charset) {
  const std::string wide = utf16be_of(utf8);
  if (charset == "utf-16be") return wide;
  if (charset == "utf-8") return std::string(utf8);
  std::string out;
  bool shifted = false;
  for (size_t i = 0; i < wide.size(); i += 2) {
    const unsigned code =
        static_cast<unsigned char>(wide[i]) << 8u | static_cast<unsigned char>(wide[i + 1]);
    const bool kana = code >= 0x3041 && code <= 0x3093;  // JIS X 0208 row 4
    if (kana != shifted) out += kana ? "\x1b$B" : "\x1b(B";
    shifted = kana;
    if (kana) out.push_back(0x24);
    if (kana) {
      out.push_back(static_cast<char>(code - 0x3041 + 0x21));
    } else if (code >= 0x410 && code <= 0x44f) {
      out.push_back(static_cast<char>(code - 0x410 + 0xc0));  // windows-1251
    } else {
      out.push_back(static_cast<char>(code));  // ASCII and Latin-1
    }
  }
  if (shifted) out += "\x1b(B";
  return out;
}

class Maker {
 public:
  explicit Maker(uint64_t seed) : random_(seed) {}

  uint64_t below(uint64_t bound) { return random_.below(bound); }
  bool chance(uint64_t of) { return random_.below(of) == 0; }
  const std::string& pick(const Strings& from) { return from[below(from.size())]; }

  std::string words(const Script& script, uint64_t count, std::string_view between) {
    std::string out;
    for (uint64_t i = 0; i < count; ++i) {
      if (i > 0) out += chance(6) ? between : " ";
      out += pick(script.words);
    }
    return out;
  }

  // What a program looks for: a piece of a likely text, in another case now and then.
  std::string needle() {
    const Script& script = scripts[below(scripts.size())];
    std::string text = words(script, 1 + below(3), "\r\n");
    if (chance(2)) text = mime::fold_for_search(text);
    if (chance(3)) {
      // Cut at characters.
      const auto head = mime::utf8_prefix(text, below(3));
      text.erase(0, head.size());
      text = mime::utf8_prefix(text, 1 + below(8));
    }
    return text;
  }

  Delivery message(Known& known);
  Program program(int depth);

 private:
  std::string encode_base64(std::string_view octets) {
    std::string plain = mime::base64_encode(octets);
    plain.erase(std::remove_if(plain.begin(), plain.end(), [](char c) { return c < ' '; }),
                plain.end());
    std::string out;
    for (std::string_view rest = plain; !rest.empty();) {
      const size_t size = std::min<size_t>(1 + below(40), rest.size());
      out += std::string(rest.substr(0, size)) + "\r\n";
      rest.remove_prefix(size);
    }
    return out;
  }

  std::string encode_quoted(std::string_view octets) {
    std::string out;
    for (size_t i = 0; i < octets.size(); ++i) {
      if (chance(7)) out += "=\r\n";
      const char c = octets[i];
      if (c == '\r' && octets.substr(i, 2) == "\r\n") {
        out += "\r\n";
        ++i;
      } else if (c <= ' ' || c == '=' || c == 0x7f || chance(9)) {
        out += fmt::format("={:02X}", static_cast<unsigned char>(c));
      } else {
        out.push_back(c);
      }
    }
    return out;
  }

  // A field's value as it goes on the wire: raw and folded, or in encoded words.
  std::string encode_value(const std::string& value, const Script& script) {
    const std::string& charset = pick(script.charsets);
    if (mime::is_ascii(value) && value.find("=?") == std::string::npos && chance(2)) {
      std::string out;
      for (const char c : value) out += c == ' ' && chance(3) ? "\r\n " : std::string(1, c);
      return out;
    }
    if (charset.empty() || charset == "utf-16be" || charset == "us-ascii") {
      return chance(2) ? value : "=?utf-8?B?" + one_line(value) + "?=";
    }
    if (charset == "iso-2022-jp")
      return "=?iso-2022-jp?b?" + one_line(written(value, charset)) + "?=";
    // Several words, cut within characters too.
    std::string out;
    const std::string octets = written(value, charset);
    for (std::string_view rest = octets; !rest.empty();) {
      const size_t size = std::min<size_t>(1 + below(20), rest.size());
      if (!out.empty()) out += chance(2) ? "\r\n " : " ";
      out += chance(2) ? "=?" + charset + "?b?" + one_line(rest.substr(0, size)) + "?="
                       : "=?" + charset + "?Q?" + q_of(rest.substr(0, size)) + "?=";
      rest.remove_prefix(size);
    }
    return out;
  }

  std::string one_line(std::string_view octets) {
    std::string out = mime::base64_encode(octets);
    while (!out.empty() && out.back() < ' ') out.pop_back();
    out.erase(std::remove_if(out.begin(), out.end(), [](char c) { return c < ' '; }), out.end());
    return out;
  }
  static std::string q_of(std::string_view octets) {
    std::string out;
    for (const char c : octets) {
      const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
      out += c == ' ' ? "_"
             : plain  ? std::string(1, c)
                      : fmt::format("={:02X}", static_cast<unsigned char>(c));
    }
    return out;
  }

  std::string field(const std::string& name, const Script& script, std::vector<KnownField>& known) {
    const std::string value = words(script, 1 + below(5), " ");
    known.push_back({name, value});
    return name + ": " + encode_value(value, script) + "\r\n";
  }

  // The header lines of a leaf and its body.
  std::pair<std::string, std::string> leaf(std::vector<KnownField>& fields, Strings& texts);
  std::string multipart(std::vector<KnownField>& fields, Known& known, int depth);

  Random random_;
};

std::pair<std::string, std::string> Maker::leaf(std::vector<KnownField>& fields, Strings& texts) {
  const Script& script = scripts[below(scripts.size())];
  const std::string& charset = pick(script.charsets);
  const std::string text = words(script, below(30), "\r\n");
  const bool searched = !chance(6);
  std::string type = searched ? (chance(3) ? "text/html" : "text/plain") : "application/data";
  if (!charset.empty()) type += "; charset=" + charset;
  const std::string octets = written(text, charset.empty() ? "utf-8" : charset);
  const bool seven_or_eight = charset != "utf-16be" && chance(2);
  const std::string encoding = seven_or_eight                       ? "8bit"
                               : charset == "utf-16be" || chance(2) ? "base64"
                                                                    : "quoted-printable";
  fields.push_back({"Content-Type", type});
  fields.push_back({"Content-Transfer-Encoding", encoding});
  if (searched) texts.push_back(text);
  return {"Content-Type: " + type + "\r\nContent-Transfer-Encoding: " + encoding + "\r\n",
          encoding == "base64"             ? encode_base64(octets)
          : encoding == "quoted-printable" ? encode_quoted(octets)
                                           : octets};
}

std::string Maker::multipart(std::vector<KnownField>& fields, Known& known, int depth) {
  const std::string boundary = fmt::format("bound{}", depth);
  fields.push_back({"Content-Type", "multipart/mixed; boundary=" + boundary});
  std::string out =
      "Content-Type: multipart/mixed; boundary=" + boundary + "\r\n\r\nalpha beta\r\n";
  for (uint64_t n = 1 + below(3); n > 0; --n) {
    out += "--" + boundary + "\r\n";
    std::vector<KnownField> mine;
    if (depth < 2 && chance(3)) {
      // An attached message: its header belongs to the body.
      known.headers.push_back("Content-Type: message/rfc822\r\n");
      out += "Content-Type: message/rfc822\r\n\r\n";
      out += field("Subject", scripts[below(scripts.size())], mine);
      const auto [header, body] = leaf(mine, known.texts);
      out += header + "\r\n" + body;
      std::string text;
      for (const KnownField& f : mine) text += f.name + ": " + f.value + "\r\n";
      known.texts.push_back(text);
    } else if (depth < 2 && chance(4)) {
      out += multipart(mine, known, depth + 1);
      for (const KnownField& f : mine) known.headers.push_back(f.name + ": " + f.value + "\r\n");
    } else {
      const auto [header, body] = leaf(mine, known.texts);
      out += header + "\r\n" + body;
      for (const KnownField& f : mine) known.headers.push_back(f.name + ": " + f.value + "\r\n");
    }
    out += "\r\n";
  }
  return out + "--" + boundary + "--\r\n";
}

Delivery Maker::message(Known& known) {
  Delivery out;
  for (const char* name : {"From", "To", "Subject", "Subject", "Cc", "X-Custom"}) {
    if (!chance(3)) out.octets += field(name, scripts[below(scripts.size())], known.fields);
  }
  if (!chance(4)) {
    const int64_t day = 19'000 + static_cast<int64_t>(below(6));
    const int zone = static_cast<int>(below(27)) * 60 - 12 * 60;
    const int64_t local = day * 86400 + static_cast<int64_t>(below(86400));
    const std::string date = mime::print_date({local - zone * 60, zone});
    known.sent_day = day;
    known.fields.push_back({"Date", date});
    out.octets += "Date: " + date + "\r\n";
  }
  if (chance(2)) {
    out.octets += multipart(known.fields, known, 0);
  } else {
    const auto [header, body] = leaf(known.fields, known.texts);
    out.octets += header + "\r\n" + body;
  }
  known.size = out.octets.size();
  known.flags = out.flags = static_cast<uint8_t>(below(32));
  for (const char* keyword : {"$Work", "Later"}) {
    if (chance(3)) out.keywords.emplace_back(keyword);
  }
  known.keywords = out.keywords;
  const auto zone = static_cast<int16_t>(static_cast<int>(below(27)) * 60 - 12 * 60);
  known.internal_day = 19'000 + static_cast<int64_t>(below(6));
  known.internal_seconds =
      known.internal_day * 86400 + static_cast<int64_t>(below(86400)) - zone * 60;
  out.internal_date = {known.internal_seconds, zone};
  return out;
}

Program Maker::program(int depth) {
  if (depth < 4 && chance(2)) {
    if (chance(3)) return negation(program(depth + 1));
    std::vector<Program> keys;
    for (uint64_t n = 2 + below(3); n > 0; --n) keys.push_back(program(depth + 1));
    return chance(2) ? all_of(std::move(keys)) : any_of(std::move(keys));
  }
  const Day day{19'000 + static_cast<int64_t>(below(6))};
  const DateOf date = chance(2) ? DateOf::internal : DateOf::sent;
  static const Strings names = {"from", "TO", "Subject", "cc", "X-CUSTOM", "content-type", "Bcc"};
  switch (below(14)) {
    case 0: return has_flags(static_cast<uint8_t>(1U << below(5)));
    case 1: return has_keyword(chance(2) ? "$work" : chance(2) ? "LATER" : "none");
    case 2: {
      UidSet uids;
      for (int i = 0; i < 3; ++i) {
        const auto first = static_cast<uint32_t>(1 + below(400));
        uids.add(Uid(first), Uid(first + static_cast<uint32_t>(below(80))));
      }
      return in_uids(uids);
    }
    case 3: return before(date, day);
    case 4: return on(date, day);
    case 5: return since(date, day);
    case 6: return chance(2) ? larger(below(2000)) : smaller(below(2000));
    case 7: return header_contains(pick(names), chance(4) ? "" : needle());
    case 8: return header_contains(pick(names), needle());
    case 9: return chance(20) ? body_contains("") : body_contains(needle());
    case 10:
    case 11: return body_contains(needle());
    case 12: return chance(8) ? everything() : text_contains(needle());
    default: return text_contains(needle());
  }
}

bool in(const std::string& text, const std::string& folded_needle) {
  return mime::fold_for_search(text).find(folded_needle) != std::string::npos;
}

bool reference(const Known& m, const Program& p) {
  const auto holds = [&](const Program& child) { return reference(m, child); };
  const auto text_holds = [&](const std::string& text) { return in(text, p.text); };
  const auto compare = [&](int64_t day) {
    return p.op == Op::before ? day < p.number : p.op == Op::on ? day == p.number : day >= p.number;
  };
  switch (p.op) {
    case Op::all: return true;
    case Op::none: return false;
    case Op::flags: return (m.flags & p.flags) == p.flags;
    case Op::uids: return p.uids.contains(m.uid);
    case Op::keyword:
      return std::any_of(m.keywords.begin(), m.keywords.end(), [&](const std::string& keyword) {
        return mime::to_lower(keyword) == mime::to_lower(p.text);
      });
    case Op::before:
    case Op::on:
    case Op::since:
      if (p.date == DateOf::sent) return m.sent_day && compare(*m.sent_day);
      return compare(m.internal_day);
    case Op::larger: return static_cast<int64_t>(m.size) > p.number;
    case Op::smaller: return static_cast<int64_t>(m.size) < p.number;
    case Op::header:
      return std::any_of(m.fields.begin(), m.fields.end(), [&](const KnownField& f) {
        return mime::to_lower(f.name) == p.field && in(f.value, p.text);
      });
    case Op::body: return p.text.empty() || std::any_of(m.texts.begin(), m.texts.end(), text_holds);
    case Op::text:
      return p.text.empty() || std::any_of(m.texts.begin(), m.texts.end(), text_holds) ||
             std::any_of(m.headers.begin(), m.headers.end(), text_holds) ||
             std::any_of(m.fields.begin(), m.fields.end(), [&](const KnownField& f) {
               return in(f.name + ": " + f.value + "\r\n", p.text);
             });
    case Op::not_: return !holds(p.children[0]);
    case Op::all_of: return std::all_of(p.children.begin(), p.children.end(), holds);
    case Op::any_of: return std::any_of(p.children.begin(), p.children.end(), holds);
    default: ADD_FAILURE() << "no such key here"; return false;
  }
}

class RandomPrograms : public testing::TestWithParam<uint64_t> {};

TEST_P(RandomPrograms, AgreeWithTheReference) {
  Maker maker(GetParam());
  TestMailbox box;
  std::vector<Known> known(300);
  std::vector<Delivery> deliveries;
  for (Known& m : known) deliveries.push_back(maker.message(m));
  const std::vector<Uid> uids = box.add(deliveries);
  for (size_t i = 0; i < known.size(); ++i) known[i].uid = uids[i];
  const auto snapshot = box.snapshot();
  size_t some = 0;
  for (int round = 0; round < 150; ++round) {
    const Program program = maker.program(round % 3);
    UidSet expected;
    for (const Known& m : known) {
      if (reference(m, program)) expected.add(m.uid);
    }
    const Slice slice{.pages_max = 1 + maker.below(3), .octets_max = 1 + maker.below(100'000)};
    Evaluator evaluator(box.account, snapshot, program, {});
    bool done = false;
    while (!done) {
      const auto stepped = evaluator.step(slice);
      ASSERT_TRUE(stepped) << stepped.error().detail;
      done = *stepped;
    }
    ASSERT_TRUE(evaluator.answer().unreadable.empty());
    some += !expected.empty() && expected.count() < known.size();
    const IntervalSet wrong_no = expected.raw().subtract(evaluator.answer().uids.raw());
    const IntervalSet wrong_yes = evaluator.answer().uids.raw().subtract(expected.raw());
    if (wrong_no.empty() && wrong_yes.empty()) continue;
    const uint32_t uid = wrong_no.empty() ? wrong_yes.min() : wrong_no.min();
    FAIL() << (wrong_no.empty() ? "should not match: " : "should match: ") << "op "
           << static_cast<int>(program.op) << " " << program.field << " '" << program.text << "'\n"
           << deliveries[uid - uids[0].value].octets;
  }
  // The programs tell messages apart.
  EXPECT_GT(some, 60U);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomPrograms, testing::Range<uint64_t>(1, 9));

}  // namespace
}  // namespace eilpost::search
