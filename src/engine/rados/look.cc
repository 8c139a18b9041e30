#include "engine/rados/look.h"

#include <fmt/format.h>

#include <charconv>

#include "engine/rados/client.h"

namespace eilpost::engine {
namespace {

constexpr size_t looks_max = 65'536;
constexpr std::string_view head_format = "1";

// The next field of a text whose fields are separated by one space.
Result<uint64_t> take_number(std::string_view& text, int base) {
  const size_t end = std::min(text.find(' '), text.size());
  uint64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + end, value, base);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + end) {
    return fail(Code::corrupt, "a partition's head cannot be read");
  }
  text.remove_prefix(std::min(end + 1, text.size()));
  return value;
}

std::string attribute(const std::map<std::string, librados::bufferlist>& attributes,
                      const char* name) {
  const auto at = attributes.find(name);
  return at == attributes.end() ? std::string() : at->second.to_str();
}

}  // namespace

std::string rados_partition_object(PartitionId partition) {
  return fmt::format("p.{:016x}", partition.value);
}

librados::bufferlist rados_buffer(std::string_view octets) {
  librados::bufferlist buffer;
  if (!octets.empty()) {
    buffer.push_back(ceph::buffer::copy(octets.data(), static_cast<unsigned>(octets.size())));
  }
  return buffer;
}

std::string RadosHead::text() const {
  return fmt::format("{} {:016x} {} {}", head_format, version, rows, octets);
}

Result<RadosHead> RadosHead::parse(std::string_view text) {
  const size_t end = text.find(' ');
  if (text.substr(0, end) != head_format || end == std::string_view::npos) {
    return fail(Code::corrupt, "a partition's head has an unknown format");
  }
  text.remove_prefix(end + 1);
  RadosHead head;
  head.version = TRY(take_number(text, 16));
  head.rows = TRY(take_number(text, 10));
  head.octets = TRY(take_number(text, 10));
  return head;
}

void RadosLookBuffers::add_to(librados::ObjectReadOperation& operation) {
  operation.getxattrs(&attributes, &rc_attributes);
  operation.list_watchers(&watchers, &rc_watchers);
}

Result<RadosLook> RadosLookBuffers::look(int rc, uint64_t instance, int64_t now) const {
  RadosLook look;
  look.watchers_seen = now;
  look.others_watch = false;
  if (rc == -ENOENT) return look;
  if (rc < 0) return tl::unexpected(rados_error(rc, "looking at a partition"));
  if (rc_attributes < 0) return tl::unexpected(rados_error(rc_attributes, "a partition's head"));
  look.text = attribute(attributes, rados_head_attribute);
  look.head = TRY(RadosHead::parse(look.text));
  look.turn = attribute(attributes, rados_turn_attribute);
  for (const auto& watcher : watchers) {
    look.others_watch = look.others_watch || static_cast<uint64_t>(watcher.watcher_id) != instance;
  }
  return look;
}

RadosLook& RadosLooks::place(PartitionId partition) {
  const auto at = places_.find(partition);
  if (at != places_.end()) {
    order_.splice(order_.begin(), order_, at->second);
    return at->second->second;
  }
  order_.emplace_front(partition, RadosLook{});
  places_[partition] = order_.begin();
  if (order_.size() > looks_max) {
    places_.erase(order_.back().first);
    order_.pop_back();
  }
  return order_.front().second;
}

std::optional<RadosLook> RadosLooks::find(PartitionId partition) {
  const std::lock_guard lock(mutex_);
  const auto at = places_.find(partition);
  if (at == places_.end()) return std::nullopt;
  order_.splice(order_.begin(), order_, at->second);
  return at->second->second;
}

void RadosLooks::learn(PartitionId partition, const RadosLook& look) {
  const std::lock_guard lock(mutex_);
  if (look.text.empty()) {
    const auto at = places_.find(partition);
    if (at == places_.end()) return;
    order_.erase(at->second);
    places_.erase(at);
    return;
  }
  auto& known = place(partition);
  if (known.head.version > look.head.version) {
    known.others_watch = look.others_watch;
    known.watchers_seen = look.watchers_seen;
    return;
  }
  const bool exact = known.exact && known.text == look.text;
  known = look;
  known.exact = exact;
}

void RadosLooks::foresee(PartitionId partition, const RadosLook& look) {
  const std::lock_guard lock(mutex_);
  place(partition) = look;
}

void RadosLooks::forget(PartitionId partition) {
  const std::lock_guard lock(mutex_);
  const auto at = places_.find(partition);
  if (at == places_.end()) return;
  order_.erase(at->second);
  places_.erase(at);
}

void RadosLooks::learn_watchers(PartitionId partition, bool others, int64_t now) {
  const std::lock_guard lock(mutex_);
  const auto at = places_.find(partition);
  if (at == places_.end()) return;
  at->second->second.others_watch = others;
  at->second->second.watchers_seen = now;
}

}  // namespace eilpost::engine
