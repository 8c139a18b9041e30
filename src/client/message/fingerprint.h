// What makes a message the same message on another server, where it has another uid and perhaps a
// header that a server or gateway has rewritten: a hash over the body and over those header fields
// that the sender wrote. Line ends, folding, and fields that are known to be added or changed on
// the way do not count. Pure; each for one thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace eilpost::client {

// 128 bits as 32 hexadecimal digits in text form.
struct Fingerprint {
  std::array<uint8_t, 16> bytes{};
  std::string text() const;
  friend bool operator==(const Fingerprint&, const Fingerprint&) = default;
  friend auto operator<=>(const Fingerprint&, const Fingerprint&) = default;
};

// Fed piece by piece; bounded memory (a header above 1 MiB counts up to there).
class Fingerprinter {
 public:
  Fingerprinter();
  ~Fingerprinter();
  void add(std::string_view octets);
  Fingerprint finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};
Fingerprint fingerprint_of(std::string_view message);

// The same from the few header fields that FETCH gives cheaply (Message-ID, Date, From, Subject):
// what can be matched without reading bodies. Nothing in common with the above. "" when there is
// nothing to go by (no Message-ID and no Date).
std::string header_key(std::string_view header);

}  // namespace eilpost::client
