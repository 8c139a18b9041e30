// How a commit finds out whether its partition stays within the limits: by the estimate in the
// head, then by the sizes of the rows it replaces, and when the estimate itself is too high, by
// reading the whole partition.
#include <fmt/format.h>

#include <set>
#include <utility>

#include "engine/rados/commits.h"
#include "engine/rados/commits_job.h"

namespace eilpost::engine {
namespace {

constexpr size_t rows_per_operation = 1000;

RadosHead with_puts(RadosHead head, const Batch& batch) {
  head.rows += batch.puts.size();
  for (const auto& [key, value] : batch.puts) head.octets += key.size() + value.size();
  return head;
}

std::string excess(const RadosHead& head, const RadosOptions& options) {
  if (head.rows > options.partition_rows_max) {
    return fmt::format("the partition would have {} rows, more than {}", head.rows,
                       options.partition_rows_max);
  }
  if (head.octets > options.partition_bytes_max) {
    return fmt::format("the partition would have {} octets of rows, more than {}", head.octets,
                       options.partition_bytes_max);
  }
  return {};
}

}  // namespace

// False: refused, or something is being read and advance() comes again.
bool RadosCommits::fit(const JobPtr& job) {
  const auto& options = client_.options();
  const RadosLook& known = *job->known;
  if (job->batch.puts.empty()) return true;
  if (job->exact) {
    const std::string text = excess(*job->exact, options);
    const bool grows = job->exact->rows > known.head.rows || job->exact->octets > known.head.octets;
    if (text.empty() || !grows) return true;
    refuse(job, Error{Code::limit, text});
    return false;
  }
  if (excess(with_puts(known.head, job->batch), options).empty()) return true;
  if (known.exact || known.text.empty()) {
    measure_named(job);
  } else {
    measure(job, std::make_shared<Scan>());
  }
  return false;
}

// Reads what `operation` asks for into `scan`; goes on when the object is still the one that the
// job knows, else looked() says what becomes of it.
void RadosCommits::read_for(const JobPtr& job, const std::shared_ptr<Scan>& scan,
                            librados::ObjectReadOperation& operation, std::function<void()> then) {
  scan->buffers.add_to(operation);
  const auto instance = client_.connection()->instance;
  client_.read({.kind = RadosKind::read,
                .object = rados_partition_object(job->partition),
                .partition = job->partition},
               operation, [this, job, scan, instance, then = std::move(then)](int rc) {
                 if (given_up(job)) return;
                 auto look = scan->buffers.look(rc, instance, client_.micros());
                 if (!look || look->text != job->known->text) return looked(job, std::move(look));
                 then();
               });
}

// Adds up every row there is, and notes the figure as this engine's knowledge of the head.
void RadosCommits::measure(const JobPtr& job, const std::shared_ptr<Scan>& scan) {
  librados::ObjectReadOperation operation;
  scan->buffers = RadosLookBuffers{};
  scan->rows.clear();
  operation.omap_get_vals2(scan->after, rows_per_operation, &scan->rows, &scan->more, &scan->rc);
  read_for(job, scan, operation, [this, job, scan] {
    for (const auto& [key, value] : scan->rows) {
      ++scan->sum.rows;
      scan->sum.octets += key.size() + value.length();
    }
    if (scan->more && !scan->rows.empty()) {
      scan->after = scan->rows.rbegin()->first;
      return measure(job, scan);
    }
    job->known->exact = true;
    job->known->head.rows = scan->sum.rows;
    job->known->head.octets = scan->sum.octets;
    looks_.foresee(job->partition, *job->known);
    advance(job);
  });
}

// What the batch leaves, exactly: of the rows it names the present sizes are looked up.
void RadosCommits::measure_named(const JobPtr& job) {
  std::set<std::string> keys(job->batch.deletes.begin(), job->batch.deletes.end());
  for (const auto& put : job->batch.puts) keys.insert(put.first);
  auto scan = std::make_shared<Scan>();
  librados::ObjectReadOperation operation;
  operation.omap_get_vals_by_keys(keys, &scan->rows, &scan->rc);
  read_for(job, scan, operation, [this, job, scan] {
    RadosHead sum = with_puts(job->known->head, job->batch);
    for (const auto& [key, value] : scan->rows) {
      --sum.rows;
      sum.octets -= key.size() + value.length();
    }
    job->exact = sum;
    advance(job);
  });
}

}  // namespace eilpost::engine
