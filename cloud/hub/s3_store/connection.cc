#include "cloud/hub/s3_store/connection.h"

#include <algorithm>
#include <array>

namespace pavise::hub::s3_store {

Result<Connection> Connection::open(const std::string& host, std::uint16_t port,
                                    const net::TlsOptions* tls, net::Millis timeout) {
  const net::Deadline deadline = net::Deadline::after(timeout);
  PAVISE_TRY_ASSIGN(net::Line line, net::Line::dial(host, port, deadline));
  if (tls != nullptr) PAVISE_TRY(line.secure(host, *tls, deadline));
  return Connection(std::move(line));
}

Result<net::HttpResponse> Connection::exchange(const net::HttpRequest& head,
                                               const std::string& host_header, ByteView body,
                                               const net::HttpLimits& limits, net::Millis timeout) {
  PAVISE_TRY_ASSIGN(const Bytes wire, net::serialize_head(head, host_header, body.size()));
  if (!usable_) return Error(net::kClosed, "used after the end");
  usable_ = false;  // until the whole answer is here
  net::HttpResponseParser parser(limits);
  auto response = run(wire, body, parser, net::Deadline::after(timeout));
  went_stale_ = !response && used_before_ && !parser.started() &&
                (response.error().is(net::kClosed) || response.error().is(net::kBroken));
  used_before_ = true;
  return response;
}

Result<net::HttpResponse> Connection::run(ByteView head, ByteView body,
                                          net::HttpResponseParser& parser, net::Deadline deadline) {
  PAVISE_TRY(line_.write(head, deadline));
  bool done = false;
  while (!body.empty()) {
    const auto early = receive(parser, net::Deadline::after(net::Millis(0)));
    if (early) {
      done = *early;
      break;
    }
    if (!early.error().is(net::kTimedOut)) return early.error();
    const std::size_t size = std::min(body.size(), kSendPieceSize);
    if (const Status sent = line_.write(body.first(size), deadline); !sent) {
      // Before it closed, the store may have said why.
      const auto last = receive(parser, deadline);
      if (!last) return sent.error();
      done = *last;
      break;
    }
    body = body.subspan(size);
  }
  while (!done) {
    PAVISE_TRY_ASSIGN(done, receive(parser, deadline));
  }
  usable_ = body.empty() && parser.keep_alive();
  return parser.take();
}

Result<bool> Connection::receive(net::HttpResponseParser& parser, net::Deadline deadline) {
  std::array<std::byte, 16UL * 1024> buffer;
  PAVISE_TRY_ASSIGN(const std::size_t size, line_.read(buffer, deadline));
  PAVISE_TRY_ASSIGN(const std::size_t used, parser.feed(ByteView(buffer).first(size)));
  if (used != size) return Error(net::kBadResponse, "bytes after the answer");
  return parser.done();
}

}  // namespace pavise::hub::s3_store
