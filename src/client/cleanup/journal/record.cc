#include "client/cleanup/journal/record.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/json.h"

namespace eilpost::client {

namespace {

constexpr std::array<std::string_view, 4> change_names{"mark", "unmark", "move", "purge"};

Json number(uint64_t value) {
  return Json{static_cast<int64_t>(value)};
}

Json text(std::string value) {
  return Json{std::move(value)};
}

Json pair_of(uint32_t first, uint32_t second) {
  return Json{Json::Array{number(first), number(second)}};
}

Json print_change(const Change& change) {
  Json::Array uids;
  for (const Interval& interval : change.uids.raw().intervals()) {
    uids.push_back(pair_of(interval.first, interval.last));
  }
  Json::Object out = {
      {"change", number(change.number)}, {"run", text(change.run)},
      {"at", Json{change.at}},           {"account", text(change.account)},
      {"rule", text(change.rule)},       {"kind", text(std::string(change_name(change.kind)))},
      {"mailbox", text(change.mailbox)}, {"uid_validity", number(change.uid_validity)},
      {"uids", Json{std::move(uids)}},   {"octets", number(change.octets)},
  };
  if (change.undoes != 0) out.push_back({"undoes", number(change.undoes)});
  if (change.partial) out.push_back({"partial", number(1)});
  if (change.kind == ChangeKind::move) {
    Json::Array identities;
    for (const Identity& one : change.identities) {
      identities.push_back(Json{Json::Array{number(one.uid), number(one.size), text(one.key)}});
    }
    out.push_back({"target", text(change.target)});
    out.push_back({"target_validity", number(change.target_validity)});
    out.push_back({"target_uid_next", number(change.target_uid_next)});
    out.push_back({"identities", Json{std::move(identities)}});
  }
  return Json{std::move(out)};
}

Json print_outcome(const Outcome& outcome) {
  Json::Object out = {{"outcome", number(outcome.number)}, {"done", Json{outcome.done}}};
  if (!outcome.reason.empty()) out.push_back({"reason", text(outcome.reason)});
  if (!outcome.moved.empty()) {
    Json::Array moved;
    for (const auto& [from, to] : outcome.moved) moved.push_back(pair_of(from, to));
    out.push_back({"moved", Json{std::move(moved)}});
    out.push_back({"target_validity", number(outcome.target_validity)});
  }
  if (!outcome.expunged) out.push_back({"expunged", Json{false}});
  return Json{std::move(out)};
}

// A whole number of at most `most`.
std::optional<uint64_t> whole(const Json& json, uint64_t most = INT64_MAX) {
  const auto* value = std::get_if<int64_t>(&json.value);
  if (value == nullptr || *value < 0 || static_cast<uint64_t>(*value) > most) return std::nullopt;
  return static_cast<uint64_t>(*value);
}

Result<uint64_t> number_at(const Json& json, std::string_view name, uint64_t most = INT64_MAX) {
  const Json* member = json.find(name);
  const auto value = member == nullptr ? std::nullopt : whole(*member, most);
  if (!value) return fail(Code::invalid, std::string(name) + ": expected a number");
  return *value;
}

// An array of arrays of `length`.
Result<Json::Array> rows_at(const Json& json, std::string_view name, size_t length) {
  const Json::Array* rows = json.array_at(name);
  if (rows == nullptr) return fail(Code::invalid, std::string(name) + ": expected an array");
  for (const Json& row : *rows) {
    const auto* items = std::get_if<Json::Array>(&row.value);
    if (items == nullptr || items->size() != length) {
      return fail(Code::invalid, std::string(name) + ": expected arrays in it");
    }
  }
  return *rows;
}

Result<std::vector<std::pair<uint32_t, uint32_t>>> pairs_at(const Json& json,
                                                            std::string_view name) {
  std::vector<std::pair<uint32_t, uint32_t>> out;
  for (const Json& row : TRY(rows_at(json, name, 2))) {
    const auto& items = std::get<Json::Array>(row.value);
    const auto first = whole(items[0], UINT32_MAX);
    const auto second = whole(items[1], UINT32_MAX);
    if (!first || !second) return fail(Code::invalid, std::string(name) + ": expected uids");
    out.emplace_back(static_cast<uint32_t>(*first), static_cast<uint32_t>(*second));
  }
  return out;
}

Result<UidSet> uids_at(const Json& json, std::string_view name) {
  UidSet out;
  for (const auto& [first, last] : TRY(pairs_at(json, name))) {
    if (first == 0 || last < first) return fail(Code::invalid, "uids: expected ranges");
    out.add(Uid(first), Uid(last));
  }
  return out;
}

Result<> parse_move(const Json& json, Change& out) {
  out.target = json.text_at("target");
  out.target_validity = static_cast<uint32_t>(TRY(number_at(json, "target_validity", UINT32_MAX)));
  out.target_uid_next = static_cast<uint32_t>(TRY(number_at(json, "target_uid_next", UINT32_MAX)));
  for (const Json& row : TRY(rows_at(json, "identities", 3))) {
    const auto& items = std::get<Json::Array>(row.value);
    const auto uid = whole(items[0], UINT32_MAX);
    const auto size = whole(items[1]);
    const auto* key = std::get_if<std::string>(&items[2].value);
    if (!uid || !size || key == nullptr) {
      return fail(Code::invalid, "identities: expected uid, size and key");
    }
    out.identities.push_back({static_cast<uint32_t>(*uid), *size, *key});
  }
  return {};
}

Result<Record> parse_change(const Json& json) {
  Change out;
  out.number = TRY(number_at(json, "change"));
  out.run = json.text_at("run");
  out.at = static_cast<int64_t>(TRY(number_at(json, "at")));
  out.account = json.text_at("account");
  out.rule = json.text_at("rule");
  const auto* kind = std::find(change_names.begin(), change_names.end(), json.text_at("kind"));
  if (kind == change_names.end()) return fail(Code::invalid, "kind: not known");
  out.kind = static_cast<ChangeKind>(kind - change_names.begin());
  out.mailbox = json.text_at("mailbox");
  out.uid_validity = static_cast<uint32_t>(TRY(number_at(json, "uid_validity", UINT32_MAX)));
  out.uids = TRY(uids_at(json, "uids"));
  out.octets = TRY(number_at(json, "octets"));
  if (json.find("undoes") != nullptr) out.undoes = TRY(number_at(json, "undoes"));
  out.partial = json.find("partial") != nullptr;
  if (out.kind == ChangeKind::move) TRY(parse_move(json, out));
  return Record(std::move(out));
}

Result<Record> parse_outcome(const Json& json) {
  Outcome out;
  out.number = TRY(number_at(json, "outcome"));
  const Json* done = json.find("done");
  if (done == nullptr || !std::holds_alternative<bool>(done->value)) {
    return fail(Code::invalid, "done: expected true or false");
  }
  out.done = std::get<bool>(done->value);
  out.reason = json.text_at("reason");
  if (json.find("moved") != nullptr) {
    out.moved = TRY(pairs_at(json, "moved"));
    out.target_validity =
        static_cast<uint32_t>(TRY(number_at(json, "target_validity", UINT32_MAX)));
  }
  out.expunged = json.find("expunged") == nullptr;
  return Record(std::move(out));
}

}  // namespace

std::string_view change_name(ChangeKind kind) {
  return change_names[static_cast<size_t>(kind)];
}

std::string print_record(const Record& record) {
  const auto* change = std::get_if<Change>(&record);
  return print_json(change != nullptr ? print_change(*change)
                                      : print_outcome(std::get<Outcome>(record)));
}

Result<Record> parse_record(std::string_view line) {
  const Json json = TRY(parse_json(line));
  if (!json.is_object()) return fail(Code::invalid, "expected an object");
  return json.find("outcome") != nullptr ? parse_outcome(json) : parse_change(json);
}

}  // namespace eilpost::client
