#include "protocol/nats/client_lines.h"

#include <algorithm>
#include <boost/json.hpp>

namespace pavise::nats {

namespace json = boost::json;

namespace {

bool is_subject(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7F; });
}

bool is_header_name(std::string_view text) {
  return !text.empty() &&
         std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7F && c != ':'; });
}

void append_value(std::string& out, std::string_view value) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7F && byte != '%') {
      out += c;
      continue;
    }
    out += '%';
    out += kDigits[byte >> 4U];
    out += kDigits[byte & 15U];
  }
}

}  // namespace

std::string connect_line(const Login& login, bool tls) {
  json::object out{{"verbose", false}, {"pedantic", false}, {"tls_required", tls},
                   {"name", "pavise"}, {"lang", "c++"},     {"version", "1"},
                   {"protocol", 1},    {"headers", true},   {"no_responders", true},
                   {"echo", false}};
  if (!login.user.empty()) {
    out["user"] = login.user;
    out["pass"] = login.secret;
  } else if (!login.secret.empty()) {
    out["auth_token"] = login.secret;
  }
  return "CONNECT " + json::serialize(out) + "\r\n";
}

Result<std::string> subscribe_line(std::string_view subject, std::uint64_t id) {
  if (!is_subject(subject)) return Error(kCannotPublish, "subject");
  return "SUB " + std::string(subject) + " " + std::to_string(id) + "\r\n";
}

Result<Bytes> publication(std::string_view subject, std::string_view reply,
                          std::span<const Header> headers, ByteView payload,
                          std::uint64_t max_payload) {
  if (!is_subject(subject) || !is_subject(reply)) return Error(kCannotPublish, "subject");
  std::string head = "NATS/1.0\r\n";
  for (const auto& [name, value] : headers) {
    if (!is_header_name(name)) continue;
    head.append(name).append(": ");
    append_value(head, value);
    head += "\r\n";
  }
  head += "\r\n";
  const std::size_t total = head.size() + payload.size();
  if (total > max_payload)
    return Error(kCannotPublish, std::to_string(total) + " bytes are more than the server takes");
  std::string line = "HPUB " + std::string(subject) + " " + std::string(reply) + " " +
                     std::to_string(head.size()) + " " + std::to_string(total) + "\r\n";
  Bytes out;
  out.reserve(line.size() + total + 2);
  append(out, as_bytes(line));
  append(out, as_bytes(head));
  append(out, payload);
  append(out, as_bytes("\r\n"));
  return out;
}

}  // namespace pavise::nats
