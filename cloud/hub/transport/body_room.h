// Room for bodies of HTTP requests on their way, of all connections of one thread.
#pragma once

#include <cstddef>
#include <string>
#include <unordered_map>

#include "cloud/hub/http/http_session.h"
#include "cloud/hub/ports/http_port.h"
#include "cloud/hub/transport/hub_options.h"

namespace pavise::hub {

// The share that each owner has, a device or the holders of a policy together: one largest body.
inline constexpr std::size_t kHttpBodiesShareBytes = kHttpBodyMax;
inline constexpr std::size_t kHttpFileBodiesShareBytes = 8UL * 1024 * 1024 + kHttpPieceSlack;
// What is kept for those who have no more than their share.
inline constexpr std::size_t kHttpBodiesReserveBytes = 8 * kHttpBodiesShareBytes;
inline constexpr std::size_t kHttpFileBodiesReserveBytes = 2 * kHttpFileBodiesShareBytes;

class BodyRoom {
 public:
  // False: there is not so much left, of all, of what parts of files may have, or for an owner that
  // would have more than its share.
  bool take(std::size_t bytes, HttpBodyKind kind, const std::string& owner) {
    const bool file = kind == HttpBodyKind::file;
    if (bytes > kHttpBodiesBytesMax - taken_) return false;
    if (file && bytes > kHttpFileBodiesBytesMax - files_) return false;
    if (bytes == 0) return true;
    auto& owners = owners_[file ? 1 : 0];
    const auto found = owners.find(owner);
    const std::size_t own = bytes + (found == owners.end() ? 0 : found->second);
    const std::size_t left =
        (file ? kHttpFileBodiesBytesMax - files_ : kHttpBodiesBytesMax - taken_) - bytes;
    if (own > (file ? kHttpFileBodiesShareBytes : kHttpBodiesShareBytes) &&
        left < (file ? kHttpFileBodiesReserveBytes : kHttpBodiesReserveBytes))
      return false;
    taken_ += bytes;
    if (file) files_ += bytes;
    owners[owner] = own;
    return true;
  }
  // Precondition: so much was taken.
  void give(std::size_t bytes, HttpBodyKind kind, const std::string& owner) {
    if (bytes == 0) return;
    taken_ -= bytes;
    if (kind == HttpBodyKind::file) files_ -= bytes;
    auto& owners = owners_[kind == HttpBodyKind::file ? 1 : 0];
    const auto found = owners.find(owner);
    found->second -= bytes;
    if (found->second == 0) owners.erase(found);
  }

 private:
  std::unordered_map<std::string, std::size_t> owners_[2];  // calls, files; none has nothing
  std::size_t taken_ = 0;
  std::size_t files_ = 0;  // among them
};

}  // namespace pavise::hub
