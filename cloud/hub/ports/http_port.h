// HTTP calls on their way between a connection and those who answer them.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cloud/hub/ports/device_port.h"
#include "cloud/hub/ports/gatekeeper.h"

namespace pavise::hub {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;  // names in lower case

// A body that comes in pieces: each is a request of its own to whoever answers it.
struct HttpPiece {
  std::uint64_t offset = 0;  // of the body, what came before
  std::uint64_t total = 0;   // of the whole body
  std::string stream;        // what the answer to the piece before said
};

// A body that goes out in pieces, so that a client that reads slowly does not hold it whole: the
// same request comes again for each, with what the answer before said, when the client took that.
struct HttpRest {
  std::uint64_t total = 0;  // of the whole body
  std::uint64_t next = 0;   // offset in it of the next piece
  std::string stream;       // whatever the answering side needs to go on in the same body
};

struct HttpRequest {
  std::string method;  // as sent: "GET"
  std::string path;    // begins with '/', not percent-decoded
  std::string query;   // what followed '?', not percent-decoded
  HttpHeaders headers;
  std::string body;
  // The connection's, for devices with certificates; owned, since a call outlives its turn.
  std::vector<Bytes> peer_chain;
  std::string server_name;
  std::string peer{};  // "192.0.2.1:40000"
  std::optional<HttpPiece> piece = {};
  std::optional<HttpRest> rest = {};  // of the answer

  // Value of the first header of this name; empty if there is none.
  std::string_view header(std::string_view name) const {
    for (const auto& [each, value] : headers)
      if (each == name) return value;
    return {};
  }
  bool has_header(std::string_view name) const {
    for (const auto& [each, value] : headers)
      if (each == name) return true;
    return false;
  }
};

struct HttpResponse {
  int status = 200;
  HttpHeaders headers;
  std::string body;
  std::string content_type = "application/json; charset=utf-8";
  // `body` is a piece of it only; then no answer to a later piece may be empty.
  std::optional<HttpRest> rest = {};
};

// What a request's head says, before its body is read. Borrowed.
struct HttpHead {
  std::string_view method;
  std::string_view path;   // not percent-decoded
  std::string_view query;  // not percent-decoded
  std::string_view host = {};
  std::string_view authorization = {};
  bool has_body = false;
  // What the connection knows, as in a request.
  TlsPeer tls = {};
  std::string_view peer = {};
};

enum class HttpBodyKind { call, file };

struct HttpHeadVerdict {
  HttpBodyKind kind = HttpBodyKind::file;
  // Whom the room for the body is counted to; empty: nobody in particular.
  std::string owner = {};
  // Of a file; calls have limits of their own.
  std::uint64_t body_bytes_max = 0;
  // A longer body comes in pieces of about so much. Every piece but the last is answered by status
  // 100, whose header kHttpPieceStream comes back with the next piece, or by what ends the request.
  std::size_t piece_bytes = 0;
  std::optional<HttpResponse> refusal = {};
};

inline constexpr std::string_view kHttpPieceStream = "piece-stream";

struct HttpAnswered {
  Token token;
  HttpResponse response;
};

// Who answers calls. Thread-safe; does not block; `done` is called exactly once, from any thread.
class HttpServing {
 public:
  virtual ~HttpServing() = default;
  virtual void serve(HttpRequest request, std::function<void(HttpResponse)> done) = 0;
  // Whether a request may be made at all, by its URL or, if it has a body, by its Authorization,
  // and how much it may carry; nullopt: only serve() will tell. From memory.
  virtual std::optional<HttpHeadVerdict> judge(const HttpHead& head) = 0;
};

// What an HTTP session asks for.
class HttpPort {
 public:
  virtual ~HttpPort() = default;
  // Answered by HttpAnswered. The port adds what it knows of the connection.
  virtual void serve(HttpRequest request, Token token) = 0;
  virtual std::optional<HttpHeadVerdict> judge(const HttpHead& head) = 0;
  virtual bool has_peer_certificate() const = 0;
  // Room for request bodies that all connections share; parts of files have a share of it, and so
  // has each owner. False: there is none now.
  virtual bool take_body_room(std::size_t bytes, HttpBodyKind kind, const std::string& owner) = 0;
  virtual void give_body_room(std::size_t bytes, HttpBodyKind kind, const std::string& owner) = 0;
};

}  // namespace pavise::hub
