#include "protocol/nats/server_stream.h"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <charconv>
#include <vector>

namespace pavise::nats {

namespace json = boost::json;

namespace {

constexpr std::string_view kEnd = "\r\n";
constexpr std::size_t kTextMax = 200;  // of a server's words in our errors

Error bad(std::string_view what) {
  return Error(kBadServer, std::string(what));
}

// Words of others go into our log: printable, and not too many.
std::string words(std::string_view text) {
  std::string out(text.substr(0, kTextMax));
  std::ranges::replace_if(out, [](char c) { return c < 0x20 || c == 0x7F; }, '?');
  return out;
}

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    const std::size_t begin = text.find_first_not_of(" \t");
    if (begin == std::string_view::npos) break;
    text.remove_prefix(begin);
    const std::size_t end = std::min(text.find_first_of(" \t"), text.size());
    out.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return out;
}

std::optional<std::size_t> size_of(std::string_view text) {
  std::size_t out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return out;
}

bool same_folded(std::string_view a, std::string_view upper) {
  return std::ranges::equal(a, upper, [](char x, char y) {
    return (x >= 'a' && x <= 'z' ? static_cast<char>(x - 32) : x) == y;
  });
}

Result<json::object> object_of(std::string_view text) {
  boost::system::error_code failed;
  json::value value = json::parse(text, failed);
  if (failed || !value.is_object()) return bad("JSON");
  return std::move(value.get_object());
}

bool flag(const json::object& object, std::string_view name) {
  const json::value* found = object.if_contains(name);
  return found != nullptr && found->is_bool() && found->get_bool();
}

Result<std::optional<Event>> info_of(std::string_view text) {
  PAVISE_TRY_ASSIGN(const json::object object, object_of(text));
  Info out;
  if (const json::value* most = object.if_contains("max_payload");
      most != nullptr && most->is_int64() && most->get_int64() > 0)
    out.max_payload = static_cast<std::uint64_t>(most->get_int64());
  out.headers = flag(object, "headers");
  out.tls_offered = flag(object, "tls_required") || flag(object, "tls_available");
  return std::optional<Event>(out);
}

// "NATS/1.0 503 text\r\n..."; 0: it has none.
int status_of(std::string_view header) {
  constexpr std::string_view kVersion = "NATS/1.0";
  if (!header.starts_with(kVersion)) return 0;
  const auto parts = split(header.substr(kVersion.size(), header.find('\r') - kVersion.size()));
  if (parts.empty()) return 0;
  const auto status = size_of(parts.front());
  return status && *status < 1000 ? static_cast<int>(*status) : 0;
}

}  // namespace

Result<std::optional<Event>> ServerStream::next() {
  if (broken_) return bad("it did not before");
  if (at_ != 0) {
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(at_));
    at_ = 0;
  }
  Result<std::optional<Event>> out = std::optional<Event>();
  if (!pending_) {
    const std::string_view text = as_text(buffer_);
    const std::size_t end = text.find(kEnd);
    if (end == std::string_view::npos) {
      if (text.size() <= kLineMax) return std::optional<Event>();
      out = bad("a line without end");
    } else if (end > kLineMax) {
      out = bad("a line is too long");
    } else {
      out = next_of_line(text.substr(0, end));
      at_ += end + kEnd.size();
    }
  }
  if (out && pending_) out = take_delivery(*pending_);
  broken_ = !out;
  return out;
}

Result<std::optional<Event>> ServerStream::next_of_line(std::string_view line) {
  const std::size_t end = std::min(line.find_first_of(" \t"), line.size());
  const std::string_view verb = line.substr(0, end);
  const std::string_view rest = line.substr(end);
  if (same_folded(verb, "INFO")) return info_of(rest);
  if (same_folded(verb, "MSG")) return begin_delivery(rest, false);
  if (same_folded(verb, "HMSG")) return begin_delivery(rest, true);
  if (same_folded(verb, "PING")) return std::optional<Event>(Ping{});
  if (same_folded(verb, "PONG")) return std::optional<Event>(Pong{});
  if (verb == "+OK") return std::optional<Event>(Ok{});
  if (same_folded(verb, "-ERR"))
    return std::optional<Event>(Complaint{words(rest.substr(0, kTextMax))});
  return bad("an unknown verb");
}

// SUBJECT SID [REPLY] [HEADER SIZE] SIZE
Result<std::optional<Event>> ServerStream::begin_delivery(std::string_view arguments,
                                                          bool with_header) {
  const auto parts = split(arguments);
  const std::size_t sizes = with_header ? 2 : 1;
  if (parts.size() < 2 + sizes || parts.size() > 3 + sizes) return bad("a message's line");
  const auto total = size_of(parts.back());
  const auto header = with_header ? size_of(parts[parts.size() - 2]) : std::size_t{0};
  if (!total || !header || *header > *total) return bad("a message's size");
  if (*total > kPayloadMax) return bad("a message is too large");
  pending_ = Pending{std::string(parts[0]), *header, *total};
  return std::optional<Event>();
}

Result<std::optional<Event>> ServerStream::take_delivery(const Pending& pending) {
  const std::string_view text = std::string_view(as_text(buffer_)).substr(at_);
  if (text.size() < pending.total + kEnd.size()) return std::optional<Event>();
  if (text.substr(pending.total, kEnd.size()) != kEnd) return bad("a message's end");
  Delivery out{.subject = pending.subject, .status = status_of(text.substr(0, pending.header))};
  out.payload = to_bytes(as_bytes(text.substr(pending.header, pending.total - pending.header)));
  at_ += pending.total + kEnd.size();
  pending_.reset();  // and `pending` with it
  return std::optional<Event>(std::move(out));
}

Result<Ack> parse_ack(ByteView payload) {
  PAVISE_TRY_ASSIGN(const json::object object, object_of(as_text(payload)));
  Ack out;
  if (const json::value* error = object.if_contains("error"); error != nullptr) {
    if (!error->is_object()) return bad("an acknowledgement");
    const json::object& fields = error->get_object();
    if (const json::value* code = fields.if_contains("code"); code != nullptr && code->is_int64())
      out.code = static_cast<int>(std::clamp<std::int64_t>(code->get_int64(), 0, 999));
    if (const json::value* text = fields.if_contains("description");
        text != nullptr && text->is_string())
      out.text = words(text->get_string());
    return out;
  }
  const json::value* stream = object.if_contains("stream");
  if (stream == nullptr || !stream->is_string()) return bad("an acknowledgement");
  out.stored = true;
  out.duplicate = flag(object, "duplicate");
  return out;
}

}  // namespace pavise::nats
