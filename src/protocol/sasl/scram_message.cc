// The grammar of RFC 5802 section 7, both ways; declared in scram.h.
#include <fmt/format.h>

#include <algorithm>

#include "protocol/sasl/base64.h"
#include "protocol/sasl/scram.h"

namespace eilpost::sasl {

namespace {
// Takes attributes off the front of a message; every error says which message and where.
class Cursor {
 public:
  Cursor(std::string_view what, std::string_view octets)
      : what_(what), all_(octets), rest_(octets) {}

  tl::unexpected<Error> error(std::string_view expected) const {
    return fail(Code::invalid,
                fmt::format("{}: {} expected at octet {}", what_, expected, position()));
  }
  size_t position() const { return all_.size() - rest_.size(); }
  bool done() const { return rest_.empty(); }
  bool starts_with(std::string_view text) const { return rest_.substr(0, text.size()) == text; }
  bool skip(std::string_view text) {
    if (!starts_with(text)) return false;
    rest_.remove_prefix(text.size());
    return true;
  }
  // Up to the next comma or the end.
  std::string_view value() {
    const auto out = rest_.substr(0, rest_.find(','));
    rest_.remove_prefix(out.size());
    return out;
  }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view what_;
  std::string_view all_;
  std::string_view rest_;
};

Result<Cursor> open(std::string_view what, std::string_view octets) {
  if (octets.size() > message_octets_max) {
    return fail(Code::too_big, fmt::format("{}: message too long", what));
  }
  if (octets.find('\0') != std::string_view::npos) {
    return fail(Code::invalid, fmt::format("{}: NUL in the message", what));
  }
  return Cursor(what, octets);
}

// saslname = 1*(value-safe-char / "=2C" / "=3D")
Result<std::string> sasl_name(Cursor& in) {
  const auto text = in.value();
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '=') {
      out += text[i];
    } else if (text.substr(i, 3) == "=2C") {
      out += ',';
      i += 2;
    } else if (text.substr(i, 3) == "=3D") {
      out += '=';
      i += 2;
    } else {
      return in.error("\"=2C\" or \"=3D\" in the name before this: a name");
    }
  }
  if (out.empty()) return in.error("a name");
  return out;
}

std::string escaped_name(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c == ',') {
      out += "=2C";
    } else if (c == '=') {
      out += "=3D";
    } else {
      out += c;
    }
  }
  return out;
}

// printable = %x21-2B / %x2D-7E
Result<std::string> nonce(Cursor& in) {
  if (!in.skip("r=")) return in.error("r=");
  const auto text = in.value();
  const bool good =
      std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x21 && c <= 0x7e; });
  if (text.empty() || !good) return in.error("a nonce of printable ASCII before this");
  return std::string(text);
}

Result<std::string> octets_of(Cursor& in, std::string_view attribute) {
  if (!in.skip(attribute)) return in.error(attribute);
  auto decoded = base64_decode(in.value());
  if (!decoded)
    return in.error(
        fmt::format("{} in base64 ({}) before this", attribute, decoded.error().detail));
  if (decoded->empty()) return in.error(fmt::format("{} with something in it", attribute));
  return decoded;
}

// extensions = attr-val *("," attr-val); kept as received, with the comma in front. A `last`
// attribute ends them (the proof).
Result<std::string> extensions(Cursor& in, std::string_view last) {
  const auto begin = in.rest();
  while (!in.done()) {
    if (!last.empty() && in.starts_with(last)) break;
    if (!in.skip(",")) return in.error("\",\"");
    const auto attribute = in.value();
    const char name = attribute.empty() ? '\0' : attribute[0];
    const bool letter = (name >= 'a' && name <= 'z') || (name >= 'A' && name <= 'Z');
    if (!letter || attribute.size() < 3 || attribute[1] != '=') {
      return in.error("an attribute (letter, \"=\", value) before this");
    }
    // RFC 5802 5.1: "m" is reserved for mandatory extensions, and none is defined.
    if (name == 'm') return in.error("no mandatory extension before this");
  }
  return std::string(begin.substr(0, begin.size() - in.rest().size()));
}

// cb-name = 1*(ALPHA / DIGIT / "." / "-")
bool is_binding_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-';
  });
}

Result<Gs2Header> gs2_header(Cursor& in) {
  Gs2Header out;
  if (in.skip("p=")) {
    out.flag = 'p';
    out.binding = std::string(in.value());
    if (!is_binding_name(out.binding)) return in.error("a channel binding's name before this");
  } else if (in.skip("y")) {
    out.flag = 'y';
  } else if (!in.skip("n")) {
    return in.error("gs2 flag n, y or p=");
  }
  if (!in.skip(",")) return in.error("\",\"");
  if (in.skip("a=")) out.authzid = TRY(sasl_name(in));
  if (!in.skip(",")) return in.error("a= or \",\"");
  return out;
}
}  // namespace

std::string print_gs2_header(const Gs2Header& header) {
  std::string out(1, header.flag);
  if (header.flag == 'p') out += "=" + header.binding;
  out += ',';
  if (!header.authzid.empty()) out += "a=" + escaped_name(header.authzid);
  return out + ",";
}

Result<Gs2Header> take_gs2_header(std::string_view& octets, std::string_view what) {
  auto in = TRY(open(what, octets));
  auto out = TRY(gs2_header(in));
  octets = in.rest();
  return out;
}

Result<ClientFirst> parse_client_first(std::string_view octets) {
  auto in = TRY(open("SCRAM client-first", octets));
  ClientFirst out;
  out.gs2 = TRY(gs2_header(in));
  if (in.starts_with("m=")) return in.error("no mandatory extension: n=");
  if (!in.skip("n=")) return in.error("n=");
  out.name = TRY(sasl_name(in));
  if (!in.skip(",")) return in.error("\",\"");
  out.nonce = TRY(nonce(in));
  out.extensions = TRY(extensions(in, ""));
  return out;
}

std::string print_client_first_bare(const ClientFirst& message) {
  return "n=" + escaped_name(message.name) + ",r=" + message.nonce + message.extensions;
}

std::string print_client_first(const ClientFirst& message) {
  return print_gs2_header(message.gs2) + print_client_first_bare(message);
}

Result<ServerFirst> parse_server_first(std::string_view octets) {
  auto in = TRY(open("SCRAM server-first", octets));
  ServerFirst out;
  if (in.starts_with("m=")) return in.error("no mandatory extension: r=");
  out.nonce = TRY(nonce(in));
  if (!in.skip(",")) return in.error("\",\"");
  out.salt = TRY(octets_of(in, "s="));
  if (!in.skip(",i=")) return in.error(",i=");
  const auto digits = in.value();
  // posit-number = %x31-39 *DIGIT; nine digits are far beyond any use.
  if (digits.empty() || digits.size() > 9 || digits[0] == '0') return in.error("a positive number");
  for (const char c : digits) {
    if (c < '0' || c > '9') return in.error("a number before this");
    out.iterations = out.iterations * 10 + static_cast<uint32_t>(c - '0');
  }
  out.extensions = TRY(extensions(in, ""));
  return out;
}

std::string print_server_first(const ServerFirst& message) {
  return fmt::format("r={},s={},i={}{}", message.nonce, base64_encode(message.salt),
                     message.iterations, message.extensions);
}

Result<ClientFinal> parse_client_final(std::string_view octets) {
  auto in = TRY(open("SCRAM client-final", octets));
  ClientFinal out;
  out.channel_binding = TRY(octets_of(in, "c="));
  if (!in.skip(",")) return in.error("\",\"");
  out.nonce = TRY(nonce(in));
  out.extensions = TRY(extensions(in, ",p="));
  if (!in.skip(",")) return in.error(",p=");
  out.proof = TRY(octets_of(in, "p="));
  if (!in.done()) return in.error("the end (the proof comes last)");
  return out;
}

std::string print_client_final_without_proof(const ClientFinal& message) {
  return "c=" + base64_encode(message.channel_binding) + ",r=" + message.nonce + message.extensions;
}

std::string print_client_final(const ClientFinal& message) {
  return print_client_final_without_proof(message) + ",p=" + base64_encode(message.proof);
}

Result<ServerFinal> parse_server_final(std::string_view octets) {
  auto in = TRY(open("SCRAM server-final", octets));
  ServerFinal out;
  if (in.skip("e=")) {
    out.error = std::string(in.value());
    if (out.error.empty()) return in.error("an error's name");
  } else {
    out.signature = TRY(octets_of(in, "v="));
  }
  out.extensions = TRY(extensions(in, ""));
  return out;
}

std::string print_server_final(const ServerFinal& message) {
  if (!message.error.empty()) return "e=" + message.error + message.extensions;
  return "v=" + base64_encode(message.signature) + message.extensions;
}

}  // namespace eilpost::sasl
