#include "search/attachments/confined.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <utility>

#include "search/attachments/seccomp.h"

namespace eilpost::search {

namespace {

using Steady = std::chrono::steady_clock;

// Processes and threads that a program may have, besides the server's.
constexpr uint64_t tasks_max = 64;
constexpr uint64_t files_max = 64;
constexpr size_t stack_bytes = 64 * 1024;
// Of what a program says of its trouble.
constexpr size_t complaint_bytes = 200;

class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() { reset(); }
  void reset() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  int get() const { return fd_; }
  bool open() const { return fd_ >= 0; }

 private:
  int fd_;
};

struct Pipe {
  Descriptor read, write;
};

Result<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail_errno("a pipe", errno);
  return Pipe{Descriptor(ends[0]), Descriptor(ends[1])};
}

// A directory that goes with what is in it: no directories, since the program may make none.
class PrivateDirectory {
 public:
  static Result<std::unique_ptr<PrivateDirectory>> create() {
    std::error_code error;
    std::string path = std::filesystem::temp_directory_path(error) / "eilpost-helper-XXXXXX";
    if (error) return fail(Code::io, "no directory for temporary files: " + error.message());
    if (::mkdtemp(path.data()) == nullptr) return fail_errno(path, errno);
    return std::unique_ptr<PrivateDirectory>(new PrivateDirectory(std::move(path)));
  }
  ~PrivateDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  PrivateDirectory(const PrivateDirectory&) = delete;
  PrivateDirectory& operator=(const PrivateDirectory&) = delete;
  const std::string& path() const { return path_; }

  Result<Descriptor> file(const char* name, int flags) const {
    const std::string path = path_ + "/" + name;
    Descriptor fd(::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd.open()) return fail_errno(path, errno);
    return fd;
  }

 private:
  explicit PrivateDirectory(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

Result<std::string> find_program(const std::string& name) {
  if (name.empty()) return fail(Code::not_found, "a command without a program");
  if (name.front() == '/') return name;
  for (const char* directory : {"/usr/local/bin/", "/usr/bin/", "/bin/"}) {
    std::string path = directory + name;
    if (::access(path.c_str(), X_OK) == 0) return path;
  }
  return fail(Code::not_found, name + ": there is no such program");
}

// --- what it sees of the disk ---

constexpr uint64_t may_read = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_EXECUTE;
constexpr uint64_t may_truncate = 1ULL << 14;  // known from the third version on
constexpr uint64_t may_write = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |
                               LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |
                               LANDLOCK_ACCESS_FS_READ_DIR | may_truncate;

// Every right that the running kernel knows, so that none is given by silence.
uint64_t all_rights(long version) {
  constexpr uint64_t first = (1ULL << 13) - 1;
  constexpr uint64_t refer = 1ULL << 13;
  constexpr uint64_t ioctl = 1ULL << 15;
  uint64_t out = first;
  if (version >= 2) out |= refer;
  if (version >= 3) out |= may_truncate;
  if (version >= 5) out |= ioctl;
  return out;
}

class Ruleset {
 public:
  static Result<Ruleset> create() {
    const long version =
        ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 1) {
      return fail(Code::cannot,
                  "helpers need a kernel with Landlock (Linux 5.13), which is not on");
    }
    Ruleset out;
    out.handled_ = all_rights(version);
    // The first member, which every version has.
    out.fd_ = Descriptor(static_cast<int>(
        ::syscall(SYS_landlock_create_ruleset, &out.handled_, sizeof out.handled_, 0)));
    if (!out.fd_.open()) return fail_errno("landlock_create_ruleset", errno);
    return out;
  }

  // What is not there needs no rule.
  Result<> allow(const std::string& path, uint64_t rights) const {
    const Descriptor fd(::open(path.c_str(), O_PATH | O_CLOEXEC));
    if (!fd.open()) return {};
    struct stat about {};
    if (::fstat(fd.get(), &about) != 0) return fail_errno(path, errno);
    constexpr uint64_t of_files = may_read | LANDLOCK_ACCESS_FS_WRITE_FILE | may_truncate;
    if (!S_ISDIR(about.st_mode)) rights &= of_files;
    landlock_path_beneath_attr rule{};
    rule.allowed_access = rights & handled_;
    rule.parent_fd = fd.get();
    const long done =
        ::syscall(SYS_landlock_add_rule, fd_.get(), LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    if (done != 0) return fail_errno("landlock_add_rule " + path, errno);
    return {};
  }
  int get() const { return fd_.get(); }

 private:
  Descriptor fd_;
  uint64_t handled_ = 0;
};

// Programs, their libraries and what those read of their own; nothing that belongs to somebody.
Result<Ruleset> ruleset_for(const std::string& program, const std::string& directory) {
  Ruleset rules = TRY(Ruleset::create());
  for (const char* path : {"/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin", "/opt",
                           "/etc/ld.so.cache", "/etc/alternatives", "/etc/fonts", "/etc/perl",
                           "/dev/zero", "/dev/urandom", "/dev/random"}) {
    TRY(rules.allow(path, may_read | LANDLOCK_ACCESS_FS_READ_DIR));
  }
  TRY(rules.allow(program, may_read));
  TRY(rules.allow("/dev/null", LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE));
  TRY(rules.allow(directory, may_write));
  return rules;
}

// --- the child ---

// The limit of a user's tasks counts those that are there already.
uint64_t tasks_of_this_user() {
  uint64_t count = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const std::string path = entry.path();
    struct stat about {};
    if (path.find_first_not_of("0123456789", 6) != std::string::npos) continue;
    if (::stat(path.c_str(), &about) != 0 || about.st_uid != ::getuid()) continue;
    std::ifstream file(path + "/status");
    for (std::string line; std::getline(file, line);) {
      if (line.rfind("Threads:", 0) == 0) count += std::strtoull(line.c_str() + 8, nullptr, 10);
    }
  }
  return count;
}

struct Limit {
  int what;
  uint64_t most;
};

// All that the child needs, made before it begins: it shares the server's memory until it is
// another program, so that it may only make system calls.
struct Birth {
  const char* program = nullptr;
  char* const* arguments = nullptr;
  char* const* environment = nullptr;
  const char* directory = nullptr;
  int input = -1;
  int output = -1;
  int errors = -1;
  int trouble = -1;  // an errno is written there when the program cannot be begun
  int ruleset = -1;
  std::array<Limit, 7> limits{};
  sock_fprog filter{};
};

bool lower_limits(const Birth& birth) {
  for (const Limit& limit : birth.limits) {
    const rlimit both{limit.most, limit.most};
    if (::setrlimit(static_cast<__rlimit_resource_t>(limit.what), &both) != 0) return false;
  }
  return true;
}

bool stand_apart(const Birth& birth) {
  if (::setpgid(0, 0) != 0 || ::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return false;
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  if (::sigprocmask(SIG_SETMASK, &none, nullptr) != 0) return false;
  if (::dup2(birth.input, 0) < 0 || ::dup2(birth.output, 1) < 0 || ::dup2(birth.errors, 2) < 0) {
    return false;
  }
  constexpr unsigned on_exec = 4;  // CLOSE_RANGE_CLOEXEC
  if (::syscall(SYS_close_range, 3U, ~0U, on_exec) != 0) return false;
  ::umask(077);
  ::setpriority(PRIO_PROCESS, 0, 10);
  return ::chdir(birth.directory) == 0;
}

bool give_up_rights(const Birth& birth) {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return false;
  // Of root alone: without these no program that it becomes has a capability.
  for (int capability = 0; capability < 64; ++capability) ::prctl(PR_CAPBSET_DROP, capability);
  if (::syscall(SYS_landlock_restrict_self, birth.ruleset, 0) != 0) return false;
  return ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &birth.filter) == 0;
}

int begin_program(void* given) {
  const Birth& birth = *static_cast<const Birth*>(given);
  if (stand_apart(birth) && lower_limits(birth) && give_up_rights(birth)) {
    ::execve(birth.program, birth.arguments, birth.environment);
  }
  const int trouble = errno;
  (void)!::write(birth.trouble, &trouble, sizeof trouble);
  ::_exit(127);
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> out;
  for (std::string& word : words) out.push_back(word.data());
  out.push_back(nullptr);
  return out;
}

// Like vfork(): the memory of a large server is not copied. ThreadSanitizer follows a child only
// with a memory of its own.
constexpr int birth_flags =
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
    SIGCHLD;
#else
    CLONE_VM | CLONE_VFORK | SIGCHLD;
#endif
#else
    CLONE_VM | CLONE_VFORK | SIGCHLD;
#endif

// Its process, whose group ends when this does.
class Child {
 public:
  // No signal is handled between its beginning and the program's: handlers would find a memory that
  // is not theirs.
  Result<> begin(Birth& birth) {
    const std::unique_ptr<char[]> stack(new char[stack_bytes]);
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_ = ::clone(begin_program, stack.get() + stack_bytes, birth_flags, &birth);
    const int trouble = errno;
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (pid_ < 0) return fail_errno("a process", trouble);
    handle_ = Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    if (!handle_.open()) return fail_errno("pidfd_open", errno);
    return {};
  }
  // Becomes readable when it has ended.
  int handle() const { return handle_.get(); }
  // Ends all of its group; its own status.
  int end() {
    if (pid_ < 0) return 0;
    ::kill(-pid_, SIGKILL);
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return status;
  }
  ~Child() { end(); }
  Child() = default;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

 private:
  pid_t pid_ = -1;
  Descriptor handle_;
};

// Reads what there is; false at the end or at the limit.
bool read_some(int fd, uint64_t most, std::string& out) {
  char piece[16 * 1024];
  const uint64_t left = most - std::min<uint64_t>(most, out.size());
  const ssize_t got = ::read(fd, piece, std::min<uint64_t>(sizeof piece, left));
  if (got < 0) return errno == EINTR || errno == EAGAIN;
  out.append(piece, static_cast<size_t>(got));
  return got > 0;
}

// Until it has ended; Code::timeout.
Result<> hear(const Child& child, const Descriptor& output, const Confinement& limits,
              std::string& out) {
  const auto deadline = Steady::now() + limits.time;
  bool more = true;
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Steady::now());
    if (left.count() <= 0) return fail(Code::timeout, "the helper's time was over");
    pollfd both[] = {{child.handle(), POLLIN, 0}, {more ? output.get() : -1, POLLIN, 0}};
    const int ready = ::poll(both, 2, static_cast<int>(left.count()));
    if (ready < 0 && errno != EINTR) return fail_errno("poll", errno);
    if (ready <= 0) continue;
    if (both[1].revents != 0) {
      more = read_some(output.get(), limits.output_bytes, out);
      if (more) continue;
      // What it writes beyond is for nobody.
      if (out.size() >= limits.output_bytes) return {};
    }
    if (both[0].revents != 0) return {};
  }
}

std::string complaint_of(const PrivateDirectory& directory) {
  const auto file = directory.file("errors", O_RDONLY);
  std::string out;
  if (file) read_some(file->get(), complaint_bytes, out);
  out.erase(std::min(out.find('\n'), out.size()));
  for (char& c : out) c = c < ' ' ? '?' : c;
  return out;
}

std::string how(int status) {
  if (WIFSIGNALED(status)) return "ended by signal " + std::to_string(WTERMSIG(status));
  return "ended with status " + std::to_string(WEXITSTATUS(status));
}

Result<> write_all(int fd, std::string_view octets) {
  while (!octets.empty()) {
    const ssize_t put = ::write(fd, octets.data(), octets.size());
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return fail_errno("a file for a helper", errno);
    octets.remove_prefix(static_cast<size_t>(put));
  }
  return {};
}

}  // namespace

Result<std::string> run_confined(const std::vector<std::string>& command, std::string_view input,
                                 const Confinement& confinement) {
  const std::string program = TRY(find_program(command.empty() ? "" : command.front()));
  const auto directory = TRY(PrivateDirectory::create());
  TRY(write_all(TRY(directory->file("input", O_WRONLY | O_CREAT | O_EXCL)).get(), input));
  const Descriptor in = TRY(directory->file("input", O_RDONLY));
  const Descriptor errors = TRY(directory->file("errors", O_WRONLY | O_CREAT | O_EXCL));
  const Ruleset rules = TRY(ruleset_for(program, directory->path()));
  Pipe out = TRY(make_pipe());
  Pipe trouble = TRY(make_pipe());
  std::vector<std::string> arguments = command;
  std::vector<std::string> variables = {"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C.UTF-8",
                                        "HOME=" + directory->path(), "TMPDIR=" + directory->path()};
  const std::vector<char*> argv = pointers(arguments);
  const std::vector<char*> envp = pointers(variables);
  std::vector<sock_filter> filter = confined_filter();
  const uint64_t seconds = static_cast<uint64_t>(confinement.time.count()) / 1000 + 1;
  Birth birth;
  birth.program = program.c_str();
  birth.arguments = argv.data();
  birth.environment = envp.data();
  birth.directory = directory->path().c_str();
  birth.input = in.get();
  birth.output = out.write.get();
  birth.errors = errors.get();
  birth.trouble = trouble.write.get();
  birth.ruleset = rules.get();
  birth.limits = {{{RLIMIT_CPU, seconds},
                   {RLIMIT_AS, confinement.memory_bytes},
                   {RLIMIT_FSIZE, confinement.file_bytes},
                   {RLIMIT_NOFILE, files_max},
                   {RLIMIT_NPROC, tasks_of_this_user() + tasks_max},
                   {RLIMIT_CORE, 0},
                   {RLIMIT_MEMLOCK, 0}}};
  birth.filter = {static_cast<unsigned short>(filter.size()), filter.data()};

  Child child;
  TRY(child.begin(birth));
  out.write.reset();
  trouble.write.reset();
  int why = 0;
  if (::read(trouble.read.get(), &why, sizeof why) == sizeof why) {
    return fail_errno(program, why);
  }
  std::string text;
  TRY(hear(child, out.read, confinement, text));
  const int status = child.end();
  if (status != 0 && text.empty()) {
    return fail(Code::invalid,
                command.front() + " " + how(status) + " " + complaint_of(*directory));
  }
  return text;
}

}  // namespace eilpost::search
