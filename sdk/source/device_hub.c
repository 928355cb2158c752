#include <errno.h>
#include <fcntl.h>
#include <pavise/device_hub.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* The packets: docs/formats/app-channels.md. */
enum {
  kAgent = 4,
  kTelemetry = 1,
  kMethodAnswer = 2,
  kUnderWay = 3,
  kTelemetryResult = 129,
  kMethodCall = 130,
  kConnection = 131,
  kTakenOver = 132,
  kTextBytesMax = 255, /* of a reason and of a method's name */
};

struct pavise_hub {
  pavise_event_loop* loop;
  pavise_event* event; /* NULL: the channel has ended */
  struct pavise_hub_handlers handlers;
  void* context;
  bool online;
  uint32_t last_id;
  uint32_t last_call;
  uint32_t underway[PAVISE_HUB_UNDERWAY_MAX]; /* their ids */
  unsigned underway_count;
  bool asked; /* by a new agent what is under way, and the answer had no room yet */
  char text[kTextBytesMax + 1];
  unsigned char packet[PAVISE_HUB_PACKET_BYTES_MAX];
  char properties[PAVISE_HUB_PROPERTIES_BYTES_MAX];
};

static bool opened; /* the channel has one reader */

/* Reads fields; after the first short one `bad` stays. */
struct reader {
  const unsigned char* at;
  size_t left;
  bool bad;
};

static const unsigned char* take(struct reader* reader, size_t size) {
  if (reader->bad || size > reader->left) {
    reader->bad = true;
    return NULL;
  }
  const unsigned char* const out = reader->at;
  reader->at += size;
  reader->left -= size;
  return out;
}

static uint32_t take_integer(struct reader* reader, unsigned bytes) {
  const unsigned char* const at = take(reader, bytes);
  uint32_t out = 0;
  for (unsigned i = 0; at && i < bytes; ++i) out |= (uint32_t)at[i] << (8 * i);
  return out;
}

static void take_text(struct reader* reader, char* out) {
  const size_t size = take_integer(reader, 2);
  if (size > kTextBytesMax) reader->bad = true;
  const unsigned char* const at = take(reader, size);
  if (at) memcpy(out, at, size);
  out[at ? size : 0] = '\0';
}

static bool take_underway(pavise_hub* hub, uint32_t id) {
  for (unsigned i = 0; i < hub->underway_count; ++i) {
    if (hub->underway[i] != id) continue;
    hub->underway[i] = hub->underway[--hub->underway_count];
    return true;
  }
  return false;
}

static void on_telemetry_result(pavise_hub* hub, struct reader* reader) {
  const uint32_t id = take_integer(reader, 4);
  const bool accepted = take_integer(reader, 1) == 0;
  take_text(reader, hub->text);
  if (reader->bad || reader->left != 0 || !take_underway(hub, id)) return;
  if (hub->handlers.telemetry_result)
    hub->handlers.telemetry_result(hub->context, id, accepted, hub->text);
}

static void on_method_call(pavise_hub* hub, struct reader* reader) {
  const uint32_t id = take_integer(reader, 4);
  take_text(reader, hub->text);
  const size_t size = take_integer(reader, 2);
  const unsigned char* const payload = take(reader, size);
  if (reader->bad || reader->left != 0) return;
  hub->last_call = id;
  if (hub->handlers.method_called)
    hub->handlers.method_called(hub->context, id, hub->text, payload, size);
}

static void set_online(pavise_hub* hub, bool online) {
  hub->online = online;
  if (hub->handlers.connection_changed) hub->handlers.connection_changed(hub->context, online);
}

static unsigned char* put_integer(unsigned char* at, uint32_t value, unsigned bytes) {
  for (unsigned i = 0; i < bytes; ++i) *at++ = (unsigned char)(value >> (8 * i));
  return at;
}

static int send_parts(pavise_hub* hub, struct iovec* parts, size_t count) {
  if (!hub->event) return -ENOTCONN;
  size_t size = 0;
  for (size_t i = 0; i < count; ++i) size += parts[i].iov_len;
  if (size > PAVISE_HUB_PACKET_BYTES_MAX) return -EMSGSIZE;
  const struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
  ssize_t sent;
  do {
    sent = sendmsg(kAgent, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent >= 0) return 0;
  return errno == EAGAIN || errno == ENOBUFS ? -EAGAIN : -ENOTCONN;
}

/* The agent was started again: it says of each of these what became of it. Handlers are told as
 * always. */
static void tell_underway(pavise_hub* hub) {
  unsigned char packet[1 + 4 + 1 + 4 * PAVISE_HUB_UNDERWAY_MAX];
  unsigned char* at = put_integer(packet, kUnderWay, 1);
  at = put_integer(at, hub->last_call, 4);
  at = put_integer(at, hub->underway_count, 1);
  for (unsigned i = 0; i < hub->underway_count; ++i) at = put_integer(at, hub->underway[i], 4);
  struct iovec part = {packet, (size_t)(at - packet)};
  const bool later = send_parts(hub, &part, 1) == -EAGAIN;
  if (later != hub->asked)
    pavise_event_loop_modify_io(
        hub->loop, hub->event,
        later ? PAVISE_IO_READABLE | PAVISE_IO_WRITABLE : PAVISE_IO_READABLE);
  hub->asked = later;
}

/* What it does not understand it ignores: the agent may be newer. */
static void on_packet(pavise_hub* hub, size_t size) {
  struct reader reader = {.at = hub->packet, .left = size};
  switch (take_integer(&reader, 1)) {
    case kTelemetryResult:
      on_telemetry_result(hub, &reader);
      break;
    case kMethodCall:
      on_method_call(hub, &reader);
      break;
    case kConnection: {
      const uint32_t online = take_integer(&reader, 1);
      if (!reader.bad && reader.left == 0) set_online(hub, online != 0);
      break;
    }
    case kTakenOver:
      if (!reader.bad && reader.left == 0) tell_underway(hub);
      break;
    default:
      break;
  }
}

static void on_readable(void* context, int descriptor, uint32_t events) {
  pavise_hub* const hub = context;
  if ((events & PAVISE_IO_WRITABLE) && hub->asked) tell_underway(hub);
  const ssize_t size = recv(descriptor, hub->packet, sizeof hub->packet, MSG_DONTWAIT | MSG_TRUNC);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (size <= 0) {
    pavise_event_loop_remove(hub->loop, hub->event);
    hub->event = NULL;
    set_online(hub, false);
    return;
  }
  if ((size_t)size <= sizeof hub->packet) on_packet(hub, (size_t)size);
}

static bool is_channel(void) {
  int type = 0;
  socklen_t size = sizeof type;
  return getenv("PAVISE_APP") && getsockopt(kAgent, SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
         type == SOCK_SEQPACKET;
}

int pavise_hub_open(pavise_event_loop* loop, const struct pavise_hub_handlers* handlers,
                    void* context, pavise_hub** hub) {
  if (!loop || !handlers || !hub) return -EINVAL;
  if (opened) return -EEXIST;
  if (!is_channel()) return -ENOTCONN;
  (void)fcntl(kAgent, F_SETFD, FD_CLOEXEC);
  pavise_hub* const made = calloc(1, sizeof *made);
  if (!made) return -ENOMEM;
  made->loop = loop;
  made->handlers = *handlers;
  made->context = context;
  const int outcome =
      pavise_event_loop_add_io(loop, kAgent, PAVISE_IO_READABLE, on_readable, made, &made->event);
  if (outcome != 0) {
    free(made);
    return outcome;
  }
  opened = true;
  *hub = made;
  return 0;
}

void pavise_hub_close(pavise_hub* hub) {
  if (!hub) return;
  if (hub->event) pavise_event_loop_remove(hub->loop, hub->event);
  free(hub);
  opened = false;
}

bool pavise_hub_online(const pavise_hub* hub) {
  return hub->online;
}

/* Percent-encoded; nothing is written behind `end`, and NULL says that there was no room. */
static char* put_encoded(char* at, const char* end, const char* text) {
  static const char hex[] = "0123456789ABCDEF";
  for (; *text; ++text) {
    const unsigned char c = (unsigned char)*text;
    const bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    if (end - at < (plain ? 1 : 3)) return NULL;
    if (plain) {
      *at++ = (char)c;
    } else {
      *at++ = '%';
      *at++ = hex[c >> 4];
      *at++ = hex[c & 15];
    }
  }
  return at;
}

/* How many bytes, or an error. */
static int put_properties(pavise_hub* hub, const struct pavise_telemetry* message) {
  char* at = hub->properties;
  const char* const end = at + sizeof hub->properties;
  for (size_t i = 0; i < message->property_count; ++i) {
    const struct pavise_hub_property* const property = &message->properties[i];
    if (!property->name || !*property->name) return -EINVAL;
    if (end - at < 2) return -EMSGSIZE;
    if (i > 0) *at++ = '&';
    at = put_encoded(at, end, property->name);
    if (!at || at == end) return -EMSGSIZE;
    *at++ = '=';
    at = put_encoded(at, end, property->value ? property->value : "");
    if (!at) return -EMSGSIZE;
  }
  return (int)(at - hub->properties);
}

int pavise_hub_send_telemetry(pavise_hub* hub, const struct pavise_telemetry* message,
                              uint32_t* id) {
  if (!hub || !message || (!message->body && message->body_size > 0)) return -EINVAL;
  if (!hub->event) return -ENOTCONN;
  if (hub->underway_count >= PAVISE_HUB_UNDERWAY_MAX) return -EAGAIN;
  const char* const type = message->content_type ? message->content_type : "";
  const size_t type_size = strlen(type);
  if (type_size > PAVISE_HUB_CONTENT_TYPE_BYTES_MAX || message->body_size > UINT16_MAX)
    return -EMSGSIZE;
  const int properties_size = put_properties(hub, message);
  if (properties_size < 0) return properties_size;
  unsigned char head[1 + 4 + 2 + PAVISE_HUB_CONTENT_TYPE_BYTES_MAX + 2];
  unsigned char* at = put_integer(head, kTelemetry, 1);
  const uint32_t next = hub->last_id + 1;
  at = put_integer(at, next, 4);
  at = put_integer(at, (uint32_t)type_size, 2);
  memcpy(at, type, type_size);
  at = put_integer(at + type_size, (uint32_t)properties_size, 2);
  unsigned char size[2];
  put_integer(size, (uint32_t)message->body_size, sizeof size);
  struct iovec parts[] = {{head, (size_t)(at - head)},
                          {hub->properties, (size_t)properties_size},
                          {size, sizeof size},
                          {(void*)message->body, message->body_size}};
  const int outcome = send_parts(hub, parts, sizeof parts / sizeof *parts);
  if (outcome != 0) return outcome;
  hub->last_id = next;
  hub->underway[hub->underway_count++] = next;
  if (id) *id = next;
  return 0;
}

int pavise_hub_answer(pavise_hub* hub, uint32_t id, uint16_t status, const void* body,
                      size_t size) {
  if (!hub || (!body && size > 0)) return -EINVAL;
  if (size > UINT16_MAX) return -EMSGSIZE;
  unsigned char head[1 + 4 + 2 + 2];
  unsigned char* at = put_integer(head, kMethodAnswer, 1);
  at = put_integer(at, id, 4);
  at = put_integer(at, status, 2);
  put_integer(at, (uint32_t)size, 2);
  struct iovec parts[] = {{head, sizeof head}, {(void*)body, size}};
  return send_parts(hub, parts, sizeof parts / sizeof *parts);
}
