#include "server/access/alerts.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "directory/failure_delays.h"

namespace eilpost::server {

namespace {

using directory::RowKind;
constexpr AccountId everybody{0};
constexpr int64_t quiet_micros = 60'000'000;
constexpr size_t quiet_max = 100'000;
constexpr size_t devices_max = 64;
constexpr size_t told_max = 200;
constexpr size_t broadcasts_max = 100;
constexpr size_t id_octets_max = 180;
constexpr int64_t day_micros = 86'400LL * 1'000'000;
constexpr std::string_view network_prefix = "net:";

std::string row_id(std::string text) {
  text.resize(std::min(text.size(), id_octets_max));
  return text;
}

directory::AccountRow time_row(Timestamp at) {
  directory::AccountRow out;
  put_svarint(out.payload, at.micros);
  return out;
}

Timestamp time_of(const directory::AccountRow& row) {
  Reader reader(row.payload);
  return Timestamp{reader.svarint().value_or(0)};
}

// The oldest go.
void keep_latest(directory::RowMap& rows, size_t most) {
  while (rows.size() > most) {
    const auto oldest = std::min_element(
        rows.begin(), rows.end(),
        [](const auto& a, const auto& b) { return time_of(a.second) < time_of(b.second); });
    rows.erase(oldest);
  }
}

// "Thunderbird" of "Thunderbird 128.0": another version is the same program.
std::string program_of(std::string_view client) {
  const size_t digit = client.find_first_of("0123456789");
  if (digit != std::string_view::npos && digit > 0 && client[digit - 1] == ' ') {
    client = client.substr(0, digit - 1);
  }
  return std::string(client.substr(0, 100));
}

std::vector<Alert> states_of(const LoginFacts& facts, const AlertSettings& settings) {
  std::vector<Alert> out;
  const auto add = [&](AlertKind kind, std::string key, std::vector<std::string> arguments) {
    Alert alert;
    alert.kind = kind;
    alert.key = std::move(key);
    alert.arguments = std::move(arguments);
    out.push_back(std::move(alert));
  };
  if (!facts.is_private) add(AlertKind::unencrypted, "", {});
  if (facts.tls_version != 0 && facts.tls_version < 13) {
    const std::string version = fmt::format("1.{}", facts.tls_version - 10);
    add(AlertKind::old_tls, version, {version});
  }
  for (const directory::Ending& ending : facts.endings) {
    const std::string name(sasl::mechanism_name(ending.mechanism));
    const std::string day = directory::print_day(ending.at);
    add(AlertKind::ending, fmt::format("{} {}", name, day), {name, day});
  }
  if (facts.bytes_max != 0) {
    const auto percent = static_cast<int>(static_cast<double>(facts.bytes_used) * 100.0 /
                                          static_cast<double>(facts.bytes_max));
    if (percent >= settings.quota_percent) {
      add(AlertKind::quota, "", {std::to_string(percent)});
    }
  }
  return out;
}

}  // namespace

Result<> Alerts::open_places(const std::string& file) {
  std::shared_ptr<const Geo> opened;
  if (!file.empty()) opened = TRY(Geo::open(file));
  const std::lock_guard lock(mutex_);
  geo_ = std::move(opened);
  return {};
}

std::string Alerts::quiet_key(const LoginFacts& facts) {
  return fmt::format("{} {} {} {} {}", facts.account.value, directory::device_key(facts.address),
                     facts.credential, program_of(facts.client), facts.tls_version);
}

bool Alerts::quiet(const LoginFacts& facts) const {
  const std::lock_guard lock(mutex_);
  const auto found = quiet_until_.find(quiet_key(facts));
  return found != quiet_until_.end() && found->second > clock_.steady_micros();
}

std::vector<Alert> Alerts::every_login(const LoginFacts& facts,
                                       const AlertSettings& settings) const {
  std::vector<Alert> out;
  for (Alert& alert : states_of(facts, settings)) {
    const AlertRule rule = rule_of(settings, alert.kind, facts.names);
    if (rule.frequency == AlertFrequency::login) out.push_back(std::move(alert));
  }
  return out;
}

// What the place is called, among places and to the user.
std::string Alerts::place_of(const LoginFacts& facts, std::string& shown) const {
  std::shared_ptr<const Geo> geo;
  {
    const std::lock_guard lock(mutex_);
    geo = geo_;
  }
  if (geo) {
    if (const auto place = geo->find(facts.address)) {
      shown = fmt::format("{} ({})", place->name, facts.address);
      return "place:" + place->code;
    }
  }
  shown = facts.address;
  return std::string(network_prefix) + directory::device_key(facts.address);
}

// Places and clients that the account was not used from before; remembers them.
Result<std::vector<Alert>> Alerts::news_of(const LoginFacts& facts, Timestamp now) {
  std::string shown;
  const std::string place = row_id(place_of(facts, shown));
  const std::string network =
      row_id(std::string(network_prefix) + directory::device_key(facts.address));
  const std::string program = program_of(facts.client);
  const std::string client = row_id("client:" + program);
  std::vector<Alert> out;
  // Most logins come from where the last one came from: one read and no write.
  const auto stale = [&](const directory::RowMap& rows, const std::string& id) {
    const auto at = rows.find(id);
    return at == rows.end() || now.micros - time_of(at->second).micros > day_micros;
  };
  const auto before = TRY(rows_.read(facts.account, RowKind::device));
  const bool changed =
      stale(before, place) || stale(before, network) || (!program.empty() && stale(before, client));
  if (!changed) return out;
  TRY(rows_.edit(facts.account, RowKind::device, [&](directory::RowMap& rows) -> Result<> {
    out.clear();
    // The first login of all tells nothing: everything is new.
    const bool first = rows.empty();
    const auto knows_client = [&] {
      return std::any_of(rows.begin(), rows.end(),
                         [](const auto& row) { return row.first.substr(0, 7) == "client:"; });
    };
    Alert alert;
    if (!first && rows.count(place) == 0) {
      alert.kind = AlertKind::new_place;
      alert.key = place;
      alert.arguments = {shown};
      out.push_back(alert);
    }
    if (!program.empty() && rows.count(client) == 0 && knows_client()) {
      alert.kind = AlertKind::new_client;
      alert.key = client;
      alert.arguments = {program};
      out.push_back(alert);
    }
    rows[place] = time_row(now);
    rows[network] = time_row(now);
    if (!program.empty()) rows[client] = time_row(now);
    keep_latest(rows, devices_max);
    return {};
  }));
  return out;
}

// Of the candidates those that are to be told at this login, which is remembered.
Result<std::vector<Alert>> Alerts::due_of(const LoginFacts& facts, const AlertSettings& settings,
                                          std::vector<Alert> candidates, Timestamp now) {
  std::vector<Alert> out;
  if (candidates.empty()) return out;
  const auto choose = [&](directory::RowMap& rows) -> Result<> {
    out.clear();
    for (const Alert& alert : candidates) {
      const AlertRule rule = rule_of(settings, alert.kind, facts.names);
      // A place and a client are new once for the account; the rest is told to each credential.
      const std::string id =
          row_id(fmt::format("{} {} {}", alert_name(alert.kind), alert.key, facts.credential));
      const auto told = rows.find(id);
      const auto last = told == rows.end() ? std::nullopt : std::optional(time_of(told->second));
      if (!is_due(rule.frequency, last, now)) continue;
      out.push_back(alert);
      out.back().mail = alert.mail || rule.mail;
      if (rule.frequency != AlertFrequency::login) rows[id] = time_row(now);
    }
    keep_latest(rows, told_max);
    return {};
  };
  auto rows = TRY(rows_.read(facts.account, RowKind::alert));
  const auto before = rows;
  TRY(choose(rows));
  if (rows == before) return out;
  TRY(rows_.edit(facts.account, RowKind::alert, choose));
  return out;
}

Result<std::vector<Alert>> Alerts::judge(const LoginFacts& facts, const AlertSettings& settings) {
  const Timestamp now = clock_.now();
  std::vector<Alert> candidates = TRY(news_of(facts, now));
  for (Alert& alert : states_of(facts, settings)) {
    // every_login() tells these.
    const AlertRule rule = rule_of(settings, alert.kind, facts.names);
    if (rule.frequency != AlertFrequency::login) candidates.push_back(std::move(alert));
  }
  for (Broadcast& broadcast : TRY(broadcasts())) {
    if (!concerns(broadcast.accounts, facts.names)) continue;
    if (now >= broadcast.until) continue;
    Alert alert;
    alert.kind = broadcast.kind;
    alert.key = broadcast.id;
    alert.english = std::move(broadcast.english);
    alert.german = std::move(broadcast.german);
    alert.mail = broadcast.mail;
    candidates.push_back(std::move(alert));
  }
  auto out = TRY(due_of(facts, settings, std::move(candidates), now));
  const bool always = std::any_of(out.begin(), out.end(), [](const Alert& alert) {
    return alert.kind == AlertKind::maintenance;
  });
  const std::lock_guard lock(mutex_);
  if (quiet_until_.size() >= quiet_max) quiet_until_.clear();
  if (!always) quiet_until_[quiet_key(facts)] = clock_.steady_micros() + quiet_micros;
  return out;
}

Result<std::vector<std::string>> Alerts::devices(AccountId account) {
  std::vector<std::string> out;
  for (const auto& [id, row] : TRY(rows_.read(account, RowKind::device))) {
    if (id.substr(0, network_prefix.size()) == network_prefix) {
      out.push_back(id.substr(network_prefix.size()));
    }
  }
  return out;
}

Result<Broadcast> Alerts::send(Broadcast broadcast, std::string id) {
  broadcast.id = std::move(id);
  broadcast.sent = clock_.now();
  TRY(rows_.edit(everybody, RowKind::alert, [&](directory::RowMap& rows) -> Result<> {
    // What is over makes room.
    std::erase_if(rows, [&](const auto& row) {
      const auto old = parse_broadcast(row.first, row.second.payload);
      return !old || old->until <= broadcast.sent;
    });
    if (rows.size() >= broadcasts_max) return fail(Code::limit, "too many alerts are under way");
    rows[broadcast.id].payload = print_broadcast(broadcast);
    return {};
  }));
  const std::lock_guard lock(mutex_);
  quiet_until_.clear();
  return broadcast;
}

Result<std::vector<Broadcast>> Alerts::broadcasts() {
  std::vector<Broadcast> out;
  for (const auto& [id, row] : TRY(rows_.read(everybody, RowKind::alert))) {
    out.push_back(TRY(parse_broadcast(id, row.payload)));
  }
  return out;
}

Result<> Alerts::remove(const std::string& id) {
  return rows_.edit(everybody, RowKind::alert, [&](directory::RowMap& rows) -> Result<> {
    if (rows.erase(id) == 0) return fail(Code::not_found, "there is no such alert");
    return {};
  });
}

}  // namespace eilpost::server
