#include "search/attachments/seccomp.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>

namespace eilpost::search {

namespace {

#if defined(__x86_64__)
constexpr uint32_t machine = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr uint32_t machine = AUDIT_ARCH_AARCH64;
#else
#error "the filter has to know how the machine is called"
#endif

// Numbers from here on are those of x32 programs, which the list does not know.
constexpr uint32_t x32_bit = 0x40000000;

constexpr uint32_t refused[] = {
    // The network, and what reaches processes outside.
    SYS_socket,
    SYS_socketpair,
    SYS_connect,
    SYS_bind,
    SYS_io_uring_setup,
    SYS_io_uring_enter,
    SYS_io_uring_register,
    SYS_shmget,
    SYS_shmat,
    SYS_semget,
    SYS_msgget,
    SYS_mq_open,
    // Other processes, which are the same user's: the server is one of them.
    SYS_kill,
    SYS_tkill,
    SYS_tgkill,
    SYS_rt_sigqueueinfo,
    SYS_rt_tgsigqueueinfo,
    SYS_pidfd_open,
    SYS_pidfd_getfd,
    SYS_pidfd_send_signal,
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_process_madvise,
    SYS_kcmp,
    SYS_migrate_pages,
    SYS_move_pages,
    SYS_setpriority,
    SYS_ioprio_set,
    SYS_sched_setaffinity,
    SYS_sched_setattr,
    SYS_sched_setparam,
    SYS_sched_setscheduler,
    // It stays in the group that is killed, and where it is confined.
    SYS_setsid,
    SYS_setpgid,
    SYS_unshare,
    SYS_setns,
    SYS_mount,
    SYS_umount2,
    SYS_move_mount,
    SYS_open_tree,
    SYS_fsopen,
    SYS_fsmount,
    SYS_mount_setattr,
    SYS_pivot_root,
    SYS_chroot,
    // Attributes of files, which Landlock does not guard, and cutting them, which older ones do
    // not.
    SYS_fchmod,
    SYS_fchmodat,
    SYS_fchown,
    SYS_fchownat,
    SYS_setxattr,
    SYS_lsetxattr,
    SYS_fsetxattr,
    SYS_removexattr,
    SYS_lremovexattr,
    SYS_fremovexattr,
    SYS_utimensat,
    SYS_truncate,
#if defined(__x86_64__)
    SYS_chmod,
    SYS_chown,
    SYS_lchown,
    SYS_utime,
    SYS_utimes,
    SYS_futimesat,
#endif
    // The kernel's own doors.
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_add_key,
    SYS_request_key,
    SYS_keyctl,
    SYS_fanotify_init,
    SYS_open_by_handle_at,
    SYS_name_to_handle_at,
    SYS_personality,
};

constexpr uint32_t namespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
                                CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;

sock_filter load(size_t offset) {
  return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offset));
}

sock_filter answer(uint32_t what) {
  return BPF_STMT(BPF_RET | BPF_K, what);
}

// Passes over `steps` instructions unless the value is `k`.
sock_filter unless_equal(uint32_t k, uint8_t steps) {
  return BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, k, 0, steps);
}

}  // namespace

std::vector<sock_filter> confined_filter() {
  constexpr size_t number_at = offsetof(seccomp_data, nr);
  constexpr size_t low_argument_at = offsetof(seccomp_data, args);  // both are little-endian
  constexpr size_t high_argument_at = low_argument_at + sizeof(uint32_t);
  const sock_filter no = answer(SECCOMP_RET_ERRNO | EPERM);
  const sock_filter yes = answer(SECCOMP_RET_ALLOW);
  std::vector<sock_filter> out = {
      load(offsetof(seccomp_data, arch)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, machine, 1, 0),
      answer(SECCOMP_RET_KILL_PROCESS),
      load(number_at),
      BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, x32_bit, 0, 1),
      no,
  };
  for (const uint32_t number : refused) {
    out.push_back(unless_equal(number, 1));
    out.push_back(no);
  }
  // Its arguments lie where no filter sees them; the C library falls back to clone().
  out.push_back(unless_equal(SYS_clone3, 1));
  out.push_back(answer(SECCOMP_RET_ERRNO | ENOSYS));
  out.push_back(unless_equal(SYS_clone, 4));
  out.push_back(load(low_argument_at));
  out.push_back(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, namespaces, 0, 1));
  out.push_back(no);
  out.push_back(yes);
  // prlimit() of itself only.
  out.push_back(unless_equal(SYS_prlimit64, 6));
  out.push_back(load(low_argument_at));
  out.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 3));
  out.push_back(load(high_argument_at));
  out.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1));
  out.push_back(yes);
  out.push_back(no);
  out.push_back(yes);
  return out;
}

}  // namespace eilpost::search
