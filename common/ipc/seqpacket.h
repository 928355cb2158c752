// Messages between two processes of one machine: SOCK_SEQPACKET keeps packets apart, the kernel
// says who sent them (unix(7)).
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/base/unique_fd.h"

namespace pavise::ipc {

inline constexpr std::size_t kPacketBytesMax = 128UL * 1024;
inline constexpr int kNoDeadline = -1;

// Errors: PV-IPC-nnn.
inline constexpr ErrorInfo kPeerClosed{"PV-IPC-001", Retry::later,
                                       "the other process closed its end",
                                       "See whether that process still runs."};
inline constexpr ErrorInfo kPacketTooLong{"PV-IPC-002", Retry::never,
                                          "a packet is longer than this channel allows",
                                          "Send at most 128 KiB in one packet."};
inline constexpr ErrorInfo kTimedOut{"PV-IPC-003", Retry::later,
                                     "the other process did not answer in time",
                                     "See whether that process is stuck or overloaded."};
inline constexpr ErrorInfo kSocketFailed{"PV-IPC-004", Retry::later, "a local socket call failed",
                                         "See the detail for the system's reason."};
inline constexpr ErrorInfo kForeignPeer{"PV-IPC-005", Retry::never,
                                        "the peer runs as a user that may not use this socket",
                                        "Start both processes as the intended users."};

struct PeerCredentials {
  pid_t pid;
  uid_t uid;
  gid_t gid;
};

// One end of a connection. Calls block up to their deadline; one thread at a time per direction.
class SeqpacketChannel {
 public:
  explicit SeqpacketChannel(UniqueFd fd) : fd_(std::move(fd)) {}

  // Sends one packet, all or nothing. An empty packet is refused (kPacketTooLong is about length
  // either way): it would look like the end of the connection.
  Status send(ByteView packet, int deadline_ms = kNoDeadline) const;
  // Receives one packet of at most bytes_max. A longer one is consumed and refused, never cut.
  Result<Bytes> receive(std::size_t bytes_max = kPacketBytesMax,
                        int deadline_ms = kNoDeadline) const;
  Result<PeerCredentials> peer() const;
  int fd() const { return fd_.get(); }

 private:
  UniqueFd fd_;
};

// Two connected ends, close-on-exec.
Result<std::pair<SeqpacketChannel, SeqpacketChannel>> make_pair();

// A listening socket at a path, mode 0600. The file is removed on destruction.
class SeqpacketListener {
 public:
  // An old socket file at `path` is replaced; anything else there is an error.
  static Result<SeqpacketListener> listen_at(const std::string& path);
  SeqpacketListener(SeqpacketListener&&) noexcept = default;
  SeqpacketListener& operator=(SeqpacketListener&&) noexcept = default;
  ~SeqpacketListener();

  // Accepts one connection whose peer runs as `uid`; others are closed and reported as
  // kForeignPeer.
  Result<SeqpacketChannel> accept_from(uid_t uid, int deadline_ms = kNoDeadline) const;
  int fd() const { return fd_.get(); }

 private:
  SeqpacketListener(UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}
  UniqueFd fd_;
  std::string path_;
};

Result<SeqpacketChannel> connect_to(const std::string& path);

}  // namespace pavise::ipc
