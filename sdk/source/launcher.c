#include <errno.h>
#include <pavise/internal/launcher.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { kLauncher = 3, kPacketBytesMax = 64, kEnds = 2 };

struct pending {
  uint32_t id; /* 0: free */
  pavise_outcome_handler handler;
  void* context;
};

static struct {
  pavise_event_loop* loop;
  pavise_event* event; /* NULL: not read, or ended */
  unsigned holds;
  uint32_t last_id;
  struct pending pending[kLauncherRequestsMax];
} channel;

void (*launcher_on_event)(unsigned type, struct launcher_fields* fields);
bool (*launcher_on_connection)(const char* name, bool asked, int read_end, int write_end);

static const unsigned char* take(struct launcher_fields* fields, size_t size) {
  if (fields->bad || size > fields->left) {
    fields->bad = true;
    return NULL;
  }
  const unsigned char* const out = fields->at;
  fields->at += size;
  fields->left -= size;
  return out;
}

uint32_t launcher_take_integer(struct launcher_fields* fields, unsigned bytes) {
  const unsigned char* const at = take(fields, bytes);
  uint32_t out = 0;
  for (unsigned i = 0; at && i < bytes; ++i) out |= (uint32_t)at[i] << (8 * i);
  return out;
}

void launcher_take_text(struct launcher_fields* fields, char* out) {
  const size_t size = launcher_take_integer(fields, 2);
  if (size > kLauncherTextBytesMax) fields->bad = true;
  const unsigned char* const at = take(fields, size);
  if (at) memcpy(out, at, size);
  out[at ? size : 0] = '\0';
}

static int error_of(uint32_t outcome) {
  static const int errors[] = {0,       -EACCES, -ENOENT, -EPERM,  -ECONNREFUSED, -EBUSY,
                               -EAGAIN, -ENOENT, -EIO,    -ENOSYS, -ERANGE};
  return outcome < sizeof errors / sizeof *errors ? errors[outcome] : -EIO;
}

/* The request of that id is over. False: there is none. */
static bool take_pending(uint32_t id, struct pending* out) {
  for (size_t i = 0; id != 0 && i < kLauncherRequestsMax; ++i) {
    if (channel.pending[i].id != id) continue;
    *out = channel.pending[i];
    channel.pending[i].id = 0;
    return true;
  }
  return false;
}

static void finish(const struct pending* request, int outcome, uint32_t value_ms) {
  if (request->handler) request->handler(request->context, outcome, value_ms);
  launcher_release();
}

static void on_answer(struct launcher_fields* fields) {
  const uint32_t id = launcher_take_integer(fields, 4);
  const uint32_t outcome = launcher_take_integer(fields, 1);
  const uint32_t value = launcher_take_integer(fields, 4);
  struct pending request;
  if (fields->bad || fields->left != 0 || !take_pending(id, &request)) return;
  finish(&request, error_of(outcome), value);
}

static void on_connection(struct launcher_fields* fields, const int ends[kEnds]) {
  char name[kLauncherTextBytesMax + 1];
  const uint32_t id = launcher_take_integer(fields, 4);
  launcher_take_text(fields, name);
  struct pending request;
  const bool asked = take_pending(id, &request);
  bool taken = false;
  if (fields->bad || fields->left != 0 || ends[0] < 0 || ends[1] < 0 || !launcher_on_connection) {
    for (size_t i = 0; i < kEnds; ++i)
      if (ends[i] >= 0) close(ends[i]);
  } else {
    taken = launcher_on_connection(name, asked, ends[0], ends[1]);
  }
  if (asked) finish(&request, taken ? 0 : -EIO, 0);
}

static void on_end(void) {
  pavise_event_loop_remove(channel.loop, channel.event);
  channel.event = NULL;
  for (size_t i = 0; i < kLauncherRequestsMax; ++i) {
    struct pending request;
    if (take_pending(channel.pending[i].id, &request)) finish(&request, -ENOTCONN, 0);
  }
}

static ssize_t receive(int descriptor, unsigned char* packet, int ends[kEnds]) {
  union {
    char bytes[CMSG_SPACE(kEnds * sizeof(int))];
    struct cmsghdr align;
  } control;
  struct iovec part = {packet, kPacketBytesMax};
  struct msghdr message = {.msg_iov = &part,
                           .msg_iovlen = 1,
                           .msg_control = control.bytes,
                           .msg_controllen = sizeof control.bytes};
  const ssize_t size = recvmsg(descriptor, &message, MSG_DONTWAIT | MSG_TRUNC | MSG_CMSG_CLOEXEC);
  if (size < 0) return size;
  for (const struct cmsghdr* header = CMSG_FIRSTHDR(&message); header;
       header = CMSG_NXTHDR(&message, (struct cmsghdr*)header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const size_t bytes = header->cmsg_len - CMSG_LEN(0);
    memcpy(ends, CMSG_DATA(header), bytes < kEnds * sizeof(int) ? bytes : kEnds * sizeof(int));
  }
  return size;
}

/* What it does not understand it ignores: the launcher may be newer. */
static void on_readable(void* context, int descriptor, uint32_t events) {
  (void)context;
  (void)events;
  unsigned char packet[kPacketBytesMax];
  int ends[kEnds] = {-1, -1};
  const ssize_t size = receive(descriptor, packet, ends);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (size <= 0) {
    on_end();
    return;
  }
  struct launcher_fields fields = {.at = packet, .left = (size_t)size};
  if (fields.left > sizeof packet) fields = (struct launcher_fields){.bad = true};
  const unsigned type = launcher_take_integer(&fields, 1);
  if (type == kLauncherConnection || ends[0] >= 0)
    on_connection(&fields, ends);
  else if (type == kLauncherAnswer)
    on_answer(&fields);
  else if (launcher_on_event)
    launcher_on_event(type, &fields);
}

/* Elsewhere descriptor 3 is whatever the program opened first. */
static bool is_channel(void) {
  int type = 0;
  socklen_t size = sizeof type;
  return getenv("PAVISE_APP") && getsockopt(kLauncher, SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
         type == SOCK_SEQPACKET;
}

int launcher_hold(pavise_event_loop* loop) {
  if (!loop) return -EINVAL;
  if (channel.holds > 0) {
    if (!channel.event) return -ENOTCONN;
    if (channel.loop != loop) return -EEXIST;
    ++channel.holds;
    return 0;
  }
  if (!is_channel()) return -ENOTCONN;
  const int outcome = pavise_event_loop_add_io(loop, kLauncher, PAVISE_IO_READABLE, on_readable,
                                               NULL, &channel.event);
  if (outcome != 0) return outcome;
  channel.loop = loop;
  channel.holds = 1;
  return 0;
}

void launcher_release(void) {
  if (channel.holds == 0 || --channel.holds > 0) return;
  if (channel.event) pavise_event_loop_remove(channel.loop, channel.event);
  channel.event = NULL;
}

int launcher_request(pavise_event_loop* loop, enum launcher_type type, const void* fields,
                     size_t size, pavise_outcome_handler handler, void* context) {
  struct pending* free_one = NULL;
  for (size_t i = 0; i < kLauncherRequestsMax && !free_one; ++i)
    if (channel.pending[i].id == 0) free_one = &channel.pending[i];
  if (!free_one) return -EAGAIN;
  const int held = launcher_hold(loop);
  if (held != 0) return held;
  if (++channel.last_id == 0) channel.last_id = 1;
  unsigned char packet[kPacketBytesMax];
  packet[0] = (unsigned char)type;
  for (unsigned i = 0; i < 4; ++i) packet[1 + i] = (unsigned char)(channel.last_id >> (8 * i));
  memcpy(packet + 5, fields, size);
  ssize_t sent;
  do {
    sent = send(kLauncher, packet, 5 + size, MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) {
    const int failed = errno == EAGAIN || errno == ENOBUFS ? -EAGAIN : -ENOTCONN;
    launcher_release();
    return failed;
  }
  *free_one = (struct pending){channel.last_id, handler, context};
  return 0;
}
