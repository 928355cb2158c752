// Services that call the hub over HTTPS: connections that are kept, each with one call under way.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "common/net/https_client.h"

namespace pavise::bench {

struct CallerPlace {
  std::string host;  // of the hub, as clients name it
  std::uint16_t https_port = 0;
  std::string ca_pem;
  std::string token;  // Authorization; empty: each call brings its own
};

// What call number `i` sends.
using MakeCall = std::function<net::HttpRequest(std::uint32_t i)>;

struct CallsReport {
  std::uint64_t done = 0;  // answered with 200 or 204
  double wall_s = 0;
  double p50_ms = 0;
  double p99_ms = 0;
};

class ServiceCallers {
 public:
  // Opens the connections, so that their cost is not measured.
  ServiceCallers(const CallerPlace& place, unsigned connections);

  // Blocks until each of the calls 0 to `count` was answered, in any order; the first answer that
  // is no success ends it and is printed. `on_answer` may be empty; it runs on many threads.
  using OnAnswer = std::function<void(std::uint32_t i, const net::HttpResponse&)>;
  CallsReport run(std::uint32_t count, const MakeCall& make, const OnAnswer& on_answer = {});

 private:
  const CallerPlace place_;
  std::vector<net::HttpsClient> clients_;
};

}  // namespace pavise::bench
