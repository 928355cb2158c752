// Connections between apps: for each direction a pipe of packets. A pipe takes bytes and nothing
// else, so no app can hand another one what that was not granted: a node, a socket, the channel to
// the hub. The launcher keeps the ends to read from beside the apps, to see when the ends to write
// to are gone; it reads nothing.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/base/unique_fd.h"

namespace pavise::device {

inline constexpr ErrorInfo kNoConnection{"PV-WRD-002", Retry::later,
                                         "a connection between apps cannot be made",
                                         "See the detail for the system's reason."};

inline constexpr std::size_t kConnectionsOfPairMax = 4;
// Of one app: none can take the launcher's descriptors from the others.
inline constexpr std::size_t kConnectionsOfAppMax = 12;

// Not thread-safe. No call waits.
class Connections {
 public:
  // What one side gets.
  struct End {
    UniqueFd read;
    UniqueFd write;
  };
  struct Made {
    End asking, asked;
  };

  // Those of which no side has its end to write to any more are forgotten first.
  bool has_room(std::string_view asking, std::string_view asked);
  // Both are names of apps. kNoConnection.
  Result<Made> make(std::string_view asking, std::string_view asked);
  // The app has ended, and its ends with it.
  void ended(std::string_view app);
  std::size_t count() const { return open_.size(); }

 private:
  struct Open {
    std::string asking, asked;
    std::array<UniqueFd, 2> ends;  // to read from; closed: nobody can write there any more
  };
  void forget_closed();

  std::vector<Open> open_;
};

}  // namespace pavise::device
