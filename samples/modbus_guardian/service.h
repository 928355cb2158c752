// The guardian's sockets, files and clock: one thread that waits in poll().
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "samples/modbus_guardian/descriptor.h"
#include "samples/modbus_guardian/files.h"
#include "samples/modbus_guardian/guardian.h"

struct pollfd;

namespace modbus_guardian {

inline constexpr std::int64_t kTickMs = 1000;  // a new grant counts within so long
inline constexpr std::int64_t kWellEveryMs = 5000;

struct Places {
  std::filesystem::path image = "/app";  // rules, and grants that came with them
  std::filesystem::path data = "/data";  // grants that come later, uses, the record
};

class Service {
 public:
  Service(const Rules& rules, const Places& places);

  // Listens, and until SIGTERM or SIGINT serves. What went wrong; empty after a signal.
  std::string run();

 private:
  static Now now();
  std::string listen();
  void restore_uses();
  void load_grants();
  Parsed<std::vector<Grant>> all_grants() const;
  void tick(Now at);
  void call_machine(Now at);
  void move_machine(short events, Now at);
  void receive_from_machine(Now at);
  void accept_clients(Now at);
  void move_client(Guardian::ClientId id, short events, Now at);
  bool receive_from(Guardian::ClientId id, int socket, Now at);
  bool send_to(Guardian::ClientId id, int socket, Now at);
  void close_finished(Now at);
  std::vector<pollfd> waits() const;
  int patience_ms(Now at) const;

  const Rules rules_;
  const Places places_;
  RecordFile record_file_;
  Record record_;
  bool uses_known_ = false;
  Grants grants_;
  Guardian guardian_;
  Descriptor listener_;
  Descriptor signals_;
  Descriptor machine_;
  bool calling_ = false;
  std::map<Guardian::ClientId, Descriptor> clients_;
  std::string grants_problem_;
  std::int64_t next_tick_ms_ = 0;
  std::int64_t next_well_ms_ = 0;
};

}  // namespace modbus_guardian
