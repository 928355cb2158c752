// The whole service in one object: registry, certificates, hub, both HTTPS listeners.
#pragma once

#include <memory>
#include <string>

#include "cloud/hub/s3_store/settings.h"
#include "cloud/server/bootstrap/options.h"
#include "cloud/server/log/log.h"
#include "cloud/server/routes/route.h"

namespace pavise::server {

inline constexpr std::string_view kPortsFile = "ports.json";
inline constexpr std::int64_t kSignerPatienceMs = 20'000;

class Server {
 public:
  // Waits for the signer, opens everything below the state directory, listens, writes
  // service-ca.pem and, last, ports.json. At the first start (no token exists) and with
  // --new-admin-token it makes an administrator's token: see shown_once(). `log` and `clock`
  // outlive the server. Blocks. Errors: PV-SRV-nnn and those of every part, in words.
  // `file_store`: what load_file_store() read of the options.
  static Result<std::unique_ptr<Server>> start(
      const ServerOptions& options, std::shared_ptr<const hub::s3_store::Settings> file_store,
      Log& log, const Clock& clock);
  // Stops accepting, ends requests in progress and device connections, syncs, removes ports.json.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  Ports ports() const;
  // The secret of the new administrator's token, empty if none was made.
  const std::string& shown_once() const;

 private:
  class Parts;
  explicit Server(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace pavise::server
