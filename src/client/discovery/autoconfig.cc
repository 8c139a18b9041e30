#include "client/discovery/autoconfig.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <pugixml.hpp>

namespace eilpost::client {

namespace {

constexpr size_t servers_max = 20;
constexpr size_t name_bytes_max = 255;  // RFC 1035 2.3.4

// Letters, digits, "-" and ".": what a host's name consists of, IDNs in their ASCII form.
bool is_host(std::string_view text) {
  if (text.empty() || text.size() > name_bytes_max || text.front() == '.' || text.front() == '-') {
    return false;
  }
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.';
  });
}

bool is_clean(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

std::string fill_in(std::string text, const MailAddress& address) {
  replace_all(text, "%EMAILADDRESS%", address.local + "@" + address.domain);
  replace_all(text, "%EMAILLOCALPART%", address.local);
  replace_all(text, "%EMAILDOMAIN%", address.domain);
  return text;
}

std::optional<Security> security_of(std::string_view socket_type) {
  if (socket_type == "SSL") return Security::tls;
  if (socket_type == "STARTTLS") return Security::starttls;
  if (socket_type == "plain") return Security::none;
  return std::nullopt;
}

std::string child_text(const pugi::xml_node& node, const char* name) {
  std::string out = node.child(name).text().get();
  out.erase(0, std::min(out.find_first_not_of(" \t\r\n"), out.size()));
  out.erase(out.find_last_not_of(" \t\r\n") + 1);
  return out;
}

std::optional<AutoconfigServer> server_of(const pugi::xml_node& node, const MailAddress& address) {
  AutoconfigServer out;
  out.endpoint.host = fill_in(child_text(node, "hostname"), address);
  out.user = fill_in(child_text(node, "username"), address);
  const auto security = security_of(child_text(node, "socketType"));
  const std::string port = child_text(node, "port");
  const auto read = std::from_chars(port.data(), port.data() + port.size(), out.endpoint.port);
  const bool whole = read.ec == std::errc() && read.ptr == port.data() + port.size();
  if (!security || !whole || out.endpoint.port == 0) return std::nullopt;
  if (!is_host(out.endpoint.host) || !is_clean(out.user)) return std::nullopt;
  out.endpoint.security = *security;
  return out;
}

}  // namespace

Result<MailAddress> parse_mail_address(std::string_view text) {
  const size_t at = text.rfind('@');
  if (at == std::string_view::npos || at == 0 || !is_clean(text)) {
    return fail(Code::invalid,
                fmt::format("\"{}\" is no mail address: expected NAME@DOMAIN", text));
  }
  MailAddress out{std::string(text.substr(0, at)), std::string(text.substr(at + 1))};
  for (char& c : out.domain) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  if (!is_host(out.domain) || out.domain.find('.') == std::string::npos) {
    return fail(Code::invalid,
                fmt::format("\"{}\" is no domain of a mail address: expected one such as "
                            "example.org, in ASCII (xn--...)",
                            out.domain));
  }
  return out;
}

Result<std::vector<AutoconfigServer>> parse_autoconfig(std::string_view xml,
                                                       const MailAddress& address) {
  pugi::xml_document document;
  const auto parsed = document.load_buffer(xml.data(), xml.size());
  if (!parsed) return fail(Code::invalid, std::string("no XML: ") + parsed.description());
  const pugi::xml_node root = document.child("clientConfig");
  if (!root) return fail(Code::invalid, "XML without a clientConfig element");
  std::vector<AutoconfigServer> out;
  for (const pugi::xml_node& provider : root.children("emailProvider")) {
    for (const pugi::xml_node& node : provider.children("incomingServer")) {
      if (std::string_view(node.attribute("type").value()) != "imap") continue;
      auto server = server_of(node, address);
      if (server && out.size() < servers_max) out.push_back(std::move(*server));
    }
  }
  return out;
}

}  // namespace eilpost::client
