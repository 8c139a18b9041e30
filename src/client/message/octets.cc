#include "client/message/octets.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

namespace eilpost::client {

namespace {

constexpr size_t piece_bytes = 128 * 1024;

Error io_error(const char* what) {
  return {Code::io, fmt::format("cannot {} a temporary file: {}", what, std::strerror(errno))};
}

Result<> write_all(int file, std::string_view octets) {
  while (!octets.empty()) {
    const ssize_t written = ::write(file, octets.data(), octets.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return tl::unexpected(io_error("write"));
    octets.remove_prefix(static_cast<size_t>(written));
  }
  return {};
}

}  // namespace

Octets::~Octets() {
  clear();
}

std::shared_ptr<Octets> Octets::of(std::string octets) {
  auto out = std::make_shared<Octets>();
  out->size_ = octets.size();
  out->has_nul_ = octets.find('\0') != std::string::npos;
  out->memory_ = std::move(octets);
  return out;
}

void Octets::clear() {
  if (file_ >= 0) ::close(file_);
  file_ = -1;
  std::string().swap(memory_);
  size_ = 0;
  has_nul_ = false;
}

Result<> Octets::spill() {
  std::error_code trouble;
  std::string directory = std::filesystem::temp_directory_path(trouble);
  if (trouble) directory = "/tmp";
  file_ = ::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (file_ < 0) return tl::unexpected(io_error("make"));
  TRY(write_all(file_, memory_));
  std::string().swap(memory_);
  return {};
}

Result<> Octets::add(std::string_view octets) {
  has_nul_ = has_nul_ || octets.find('\0') != std::string_view::npos;
  if (file_ < 0 && size_ + octets.size() > memory_bytes_max) TRY(spill());
  if (file_ >= 0) {
    TRY(write_all(file_, octets));
  } else {
    memory_ += octets;
  }
  size_ += octets.size();
  return {};
}

Result<std::string> Octets::read(uint64_t offset, size_t bytes) const {
  if (offset >= size_) return std::string();
  bytes = static_cast<size_t>(std::min<uint64_t>(bytes, size_ - offset));
  if (file_ < 0) return memory_.substr(static_cast<size_t>(offset), bytes);
  std::string out(bytes, '\0');
  size_t have = 0;
  while (have < bytes) {
    const ssize_t got =
        ::pread(file_, out.data() + have, bytes - have, static_cast<off_t>(offset + have));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return tl::unexpected(io_error("read"));
    have += static_cast<size_t>(got);
  }
  return out;
}

Result<std::string> Octets::all() const {
  return read(0, static_cast<size_t>(size_));
}

OutgoingMessage outgoing_message(std::shared_ptr<const Octets> octets) {
  OutgoingMessage out;
  out.size = octets->size();
  out.literal8 = octets->has_nul();
  out.next = [octets = std::move(octets),
              offset = uint64_t{0}]() mutable -> Task<Result<std::string>> {
    auto piece = octets->read(offset, piece_bytes);
    if (piece) offset += piece->size();
    co_return piece;
  };
  return out;
}

}  // namespace eilpost::client
