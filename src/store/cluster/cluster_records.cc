#include "store/cluster/cluster_records.h"

#include <algorithm>

#include "base/bytes.h"
#include "store/load.h"

namespace eilpost::store {

namespace {

constexpr uint8_t schema = 1;
constexpr uint8_t format_1 = 1;
constexpr int read_attempts = 16;

std::string key_of(char kind, std::string_view rest) {
  std::string key;
  put_u8(key, schema);
  key.push_back(kind);
  return key.append(rest);
}

Result<Reader> open(std::string_view value) {
  const auto row = TRY(unseal_value(value));
  if (row.format != format_1) return fail(Code::corrupt, "cluster row: unknown format");
  return Reader(row.payload);
}

uint64_t mix(uint64_t x) {
  x ^= x >> 30;
  x *= 0xbf58476d1ce4e5b9ULL;
  x ^= x >> 27;
  x *= 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

uint64_t hash_of(std::string_view text) {
  uint64_t h = 0xcbf29ce484222325ULL;
  for (const char c : text) h = (h ^ static_cast<uint8_t>(c)) * 0x100000001b3ULL;
  return mix(h);
}

Result<> take_row(ClusterState& state, const engine::Row& row) {
  if (row.key.size() < 2 || row.key[0] != static_cast<char>(schema)) {
    return fail(Code::corrupt, "cluster row: a key of another release");
  }
  switch (row.key[1]) {
    case 'N': state.nodes.push_back(TRY(decode_node(row.value))); return {};
    case 'J': state.jobs.push_back(TRY(decode_job(row.value))); return {};
    case 'E': state.endings.push_back(TRY(decode_ending(row.value))); return {};
    // What a later release adds is for its own nodes.
    default: return {};
  }
}

}  // namespace

namespace cluster_keys {
std::string node(std::string_view name) {
  return key_of('N', name.substr(0, node_name_octets_max));
}
std::string job(std::string_view job) {
  return key_of('J', job);
}
std::string ending(AccountId account) {
  std::string id;
  put_u64be(id, account.value);
  return key_of('E', id);
}
}  // namespace cluster_keys

std::string encode(const NodeRow& row) {
  std::string out;
  put_bytes(out, row.name);
  put_bytes(out, row.address);
  put_bytes(out, row.release);
  put_u64le(out, row.incarnation);
  put_svarint(out, row.started.micros);
  put_svarint(out, row.beat.micros);
  put_varint(out, row.beats);
  put_varint(out, row.seen);
  put_varint(out, row.sessions);
  return seal_value(format_1, out);
}

Result<NodeRow> decode_node(std::string_view value) {
  Reader in = TRY(open(value));
  NodeRow row;
  row.name = TRY(in.bytes());
  row.address = TRY(in.bytes());
  row.release = TRY(in.bytes());
  row.incarnation = TRY(in.u64le());
  row.started.micros = TRY(in.svarint());
  row.beat.micros = TRY(in.svarint());
  row.beats = TRY(in.varint());
  row.seen = TRY(in.varint());
  row.sessions = TRY(in.varint());
  return row;
}

std::string encode(const JobRow& row) {
  std::string out;
  put_bytes(out, row.job);
  put_varint(out, row.buckets.size());
  for (const JobBucket& bucket : row.buckets) {
    put_bytes(out, bucket.holder);
    put_u64le(out, bucket.incarnation);
    put_svarint(out, bucket.since.micros);
    put_svarint(out, bucket.done.micros);
  }
  return seal_value(format_1, out);
}

Result<JobRow> decode_job(std::string_view value) {
  Reader in = TRY(open(value));
  JobRow row;
  row.job = TRY(in.bytes());
  const uint64_t count = TRY(in.varint());
  if (count > cluster_buckets) return fail(Code::corrupt, "cluster row: too many buckets");
  for (uint64_t i = 0; i < count; ++i) {
    JobBucket bucket;
    bucket.holder = TRY(in.bytes());
    bucket.incarnation = TRY(in.u64le());
    bucket.since.micros = TRY(in.svarint());
    bucket.done.micros = TRY(in.svarint());
    row.buckets.push_back(std::move(bucket));
  }
  return row;
}

std::string encode(const EndingRow& row) {
  std::string out;
  put_varint(out, row.account.value);
  put_svarint(out, row.at.micros);
  return seal_value(format_1, out);
}

Result<EndingRow> decode_ending(std::string_view value) {
  Reader in = TRY(open(value));
  EndingRow row;
  row.account = AccountId(TRY(in.varint()));
  row.at.micros = TRY(in.svarint());
  return row;
}

const NodeRow* ClusterState::node(std::string_view name) const {
  const auto at = std::find_if(nodes.begin(), nodes.end(),
                               [&](const NodeRow& node) { return node.name == name; });
  return at == nodes.end() ? nullptr : &*at;
}

JobRow& ClusterState::job(const std::string& name) {
  for (JobRow& row : jobs) {
    if (row.job == name) return row;
  }
  jobs.push_back({name, {}});
  return jobs.back();
}

Result<ClusterState> read_cluster(engine::Engine& engine) {
  Result<Rows> rows = fail(Code::conflict, "not read");
  for (int attempt = 0; attempt < read_attempts; ++attempt) {
    rows = read_all(engine, cluster_partition, {}, 0);
    if (rows || rows.error().code != Code::conflict) break;
  }
  if (!rows) return tl::unexpected(std::move(rows).error());
  ClusterState state;
  state.version = rows->version;
  for (const engine::Row& row : rows->rows) TRY(take_row(state, row));
  return state;
}

uint32_t bucket_of(AccountId account) {
  return static_cast<uint32_t>(mix(account.value) % cluster_buckets);
}

std::string_view rendezvous(const std::vector<std::string_view>& names, uint32_t bucket) {
  std::string_view best;
  uint64_t most = 0;
  for (const std::string_view name : names) {
    const uint64_t weight = mix(hash_of(name) ^ mix(bucket + 1));
    if (best.empty() || weight > most || (weight == most && name < best)) {
      best = name;
      most = weight;
    }
  }
  return best;
}

}  // namespace eilpost::store
