#include "client/doctor/checks/structure.h"

#include <fmt/format.h>

#include "protocol/imap/values.h"

namespace eilpost::client::checks {

namespace {

// A last line without an end counts for some servers and not for others.
constexpr uint64_t lines_tolerated = 1;

class Comparison {
 public:
  explicit Comparison(const mime::Message& message) : message_(message) {}

  void part(const imap::BodyStructure& told, size_t index, const std::string& number) {
    const mime::Part& part = message_.parts[index];
    const bool multipart = !told.children.empty() && imap::equal_nocase(told.type, "MULTIPART");
    if (multipart || part.is_multipart()) {
      if (!multipart || !part.is_multipart()) return shape(told, part, number);
      return children(told, index, number);
    }
    leaf(told, part, number);
    if (part.is_message() && told.children.size() == 1) within(told, index, number);
  }
  StructureFaults take() { return std::move(faults_); }

 private:
  static std::string named(const std::string& number) {
    return number.empty() ? "the message" : "part " + number;
  }
  void shape(const imap::BodyStructure& told, const mime::Part& part, const std::string& number) {
    faults_.shapes.push_back(fmt::format("{} is {}/{}, said is {}/{}", named(number), part.type,
                                         part.subtype, told.type, told.subtype));
  }
  std::vector<size_t> children_of(size_t index) const {
    std::vector<size_t> out;
    for (size_t i = index + 1; i < message_.parts.size(); ++i) {
      if (message_.parts[i].parent == static_cast<int32_t>(index)) out.push_back(i);
    }
    return out;
  }
  void children(const imap::BodyStructure& told, size_t index, const std::string& number) {
    const auto own = children_of(index);
    if (own.size() != told.children.size()) {
      faults_.shapes.push_back(fmt::format("{} has {} parts, said are {}", named(number),
                                           own.size(), told.children.size()));
      return;
    }
    for (size_t i = 0; i < own.size(); ++i) {
      part(told.children[i], own[i],
           number.empty() ? fmt::format("{}", i + 1) : fmt::format("{}.{}", number, i + 1));
    }
  }
  // The message in a message/rfc822 part: its parts carry that part's number (RFC 9051 6.4.5.1).
  void within(const imap::BodyStructure& told, size_t index, const std::string& number) {
    const auto own = children_of(index);
    if (own.size() != 1) return;
    const bool multipart = message_.parts[own[0]].is_multipart();
    part(told.children[0], own[0], multipart ? number : number + ".1");
  }
  void leaf(const imap::BodyStructure& told, const mime::Part& part, const std::string& number) {
    if (!imap::equal_nocase(told.type, part.type) ||
        !imap::equal_nocase(told.subtype, part.subtype)) {
      shape(told, part, number);
    }
    if (told.size != part.body_size) {
      faults_.sizes.push_back(
          fmt::format("{} has {} octets, said are {}", named(number), part.body_size, told.size));
    }
    if (!told.lines) return;
    const uint64_t more = std::max(*told.lines, part.body_lines);
    const uint64_t less = std::min(*told.lines, part.body_lines);
    if (more - less > lines_tolerated) {
      faults_.sizes.push_back(
          fmt::format("{} has {} lines, said are {}", named(number), part.body_lines, *told.lines));
    }
  }

  const mime::Message& message_;
  StructureFaults faults_;
};

}  // namespace

StructureFaults compare_structure(const imap::BodyStructure& told, const mime::Message& message) {
  Comparison comparison(message);
  comparison.part(told, 0, "");
  return comparison.take();
}

}  // namespace eilpost::client::checks
