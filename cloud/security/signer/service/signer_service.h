// Serves a Signer over seqpacket connections: api/signer.cddl.
#pragma once

#include <sys/types.h>

#include "cloud/security/signer/api/signer.h"
#include "common/base/bytes.h"
#include "common/ipc/seqpacket.h"

namespace pavise::security::signer {

inline constexpr std::size_t kConnectionsMax = 32;
// A client that does not take its answer within this time loses its connection.
inline constexpr int kAnswerTimeoutMs = 1000;

// One request packet in, one response packet out; never fails, refusals are responses.
Bytes answer(Signer& signer, ByteView request);

// Serves connections of `uid` (SO_PEERCRED) until `stop_fd` becomes readable; others are closed
// unread. One thread, one request at a time; a client that sends nothing costs one descriptor, and
// a connection over kConnectionsMax is closed. Errors: those of the listener's socket.
Status serve(Signer& signer, const ipc::SeqpacketListener& listener, uid_t uid, int stop_fd);

}  // namespace pavise::security::signer
