#include "bench/message.h"

#include <fmt/format.h>

#include <array>
#include <string_view>

namespace eilpost::bench {
namespace {

// splitmix64: one multiplication chain per draw, and any seed will do.
class Draw {
 public:
  Draw(uint64_t seed, uint64_t number) : state_(seed * 0x9e3779b97f4a7c15 + number) {}
  uint64_t next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  uint64_t below(uint64_t bound) { return next() % bound; }
  template <size_t N>
  std::string_view of(const std::array<std::string_view, N>& words) {
    return words[below(N)];
  }

 private:
  uint64_t state_;
};

constexpr std::array<std::string_view, 16> names = {
    "Anna", "Bruno", "Carla", "Dietrich", "Emilia", "Fjodor", "Greta", "Hamid",
    "Ilse", "Jorge", "Katja", "Liam",     "Maren",  "Noor",   "Otto",  "Paula"};
constexpr std::array<std::string_view, 12> families = {"Albers", "Brandt",  "Costa",  "Dahl",
                                                       "Evers",  "Fischer", "Gruber", "Hansen",
                                                       "Ivanov", "Jensen",  "Keller", "Lorenz"};
constexpr std::array<std::string_view, 24> words = {
    "meeting",  "invoice", "report",  "ship",   "garden", "train", "offer",  "minutes",
    "budget",   "holiday", "concert", "repair", "recipe", "draft", "review", "order",
    "contract", "server",  "station", "letter", "summer", "photo", "ticket", "answer"};
constexpr std::array<std::string_view, 7> days = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};

std::string person(Draw& draw) {
  const auto name = draw.of(names);
  const auto family = draw.of(families);
  return fmt::format("\"{} {}\" <{}.{}@example.net>", name, family, name, family);
}

std::string sentence(Draw& draw, size_t count) {
  std::string out;
  for (size_t i = 0; i < count; ++i) {
    if (i > 0) out += i % 12 == 0 ? "\r\n" : " ";
    out += draw.of(words);
  }
  return out + ".\r\n";
}

// What every message begins with, up to but without the MIME fields.
std::string header(Draw& draw, uint64_t seed, uint64_t number) {
  std::string out = fmt::format("From: {}\r\nTo: {}", person(draw), person(draw));
  for (uint64_t more = draw.below(3); more > 0; --more) out += ",\r\n\t" + person(draw);
  out += "\r\n";
  if (draw.below(4) == 0) out += fmt::format("Cc: {}\r\n", person(draw));
  const uint64_t day = number / 200 % 28 + 1;
  out += fmt::format("Subject: {}{} {} {}\r\n", draw.below(3) == 0 ? "Re: " : "", draw.of(words),
                     draw.of(words), number);
  out += fmt::format("Date: {}, {:02} Mar 2026 {:02}:{:02}:{:02} +0100\r\n", days[(day + 5) % 7],
                     day, draw.below(24), draw.below(60), draw.below(60));
  out += fmt::format("Message-ID: <{}.{}@mail.example.net>\r\n", number, seed);
  if (draw.below(3) == 0) {
    out += fmt::format("In-Reply-To: <{}.{}@mail.example.net>\r\n", number / 2, seed);
    out += fmt::format("References: <{}.{}@mail.example.net>\r\n", number / 2, seed);
  }
  return out + "MIME-Version: 1.0\r\n";
}

std::string base64_line(Draw& draw) {
  constexpr std::string_view alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (int i = 0; i < 76; i += 4) {
    const uint64_t bits = draw.next();
    for (int j = 0; j < 4; ++j) out += alphabet[bits >> (6 * j) & 63];
  }
  return out + "\r\n";
}

}  // namespace

std::string small_message(uint64_t seed, uint64_t number) {
  Draw draw(seed, number);
  std::string out = header(draw, seed, number);
  const uint64_t kind = draw.below(10);
  if (kind < 5) {
    return out + "Content-Type: text/plain; charset=utf-8\r\n\r\n" + sentence(draw, 40);
  }
  const std::string boundary = fmt::format("=_{:016x}", draw.next());
  const std::string_view type = kind < 8 ? "alternative" : "mixed";
  out += fmt::format("Content-Type: multipart/{}; boundary=\"{}\"\r\n\r\n", type, boundary);
  out += fmt::format("--{}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{}", boundary,
                     sentence(draw, 30));
  if (kind < 8) {
    out += fmt::format("--{}\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>{}</p>\r\n",
                       boundary, sentence(draw, 30));
  } else {
    out += fmt::format(
        "--{}\r\nContent-Type: application/pdf; name=\"{}.pdf\"\r\n"
        "Content-Disposition: attachment; filename=\"{}.pdf\"\r\n"
        "Content-Transfer-Encoding: base64\r\n\r\n{}",
        boundary, draw.of(words), draw.of(words), base64_line(draw));
  }
  return out + fmt::format("--{}--\r\n", boundary);
}

std::string sized_message(uint64_t seed, uint64_t number, size_t bytes) {
  Draw draw(seed, number);
  std::string out = header(draw, seed, number);
  std::string end = "\r\n";
  constexpr size_t plain_bytes_max = 8192;
  if (bytes <= plain_bytes_max) {
    out += "Content-Type: text/plain; charset=us-ascii\r\n\r\n";
  } else {
    const std::string boundary = fmt::format("=_{:016x}", draw.next());
    out += fmt::format("Content-Type: multipart/mixed; boundary=\"{}\"\r\n\r\n", boundary);
    out += fmt::format("--{}\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n{}", boundary,
                       sentence(draw, 100));
    out += fmt::format(
        "--{}\r\nContent-Type: application/octet-stream; name=\"data.bin\"\r\n"
        "Content-Disposition: attachment; filename=\"data.bin\"\r\n"
        "Content-Transfer-Encoding: base64\r\n\r\n",
        boundary);
    end = fmt::format("\r\n--{}--\r\n", boundary);
  }
  out.reserve(bytes + 80);
  const size_t body_end = bytes > end.size() ? bytes - end.size() : 0;
  while (out.size() + 78 <= body_end) out += base64_line(draw);
  while (out.size() < body_end) out += '=';
  return out + end;
}

}  // namespace eilpost::bench
