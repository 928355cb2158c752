// Room for bodies of HTTP requests on their way, of all connections of one thread.
#pragma once

#include <cstddef>

#include "cloud/hub/ports/http_port.h"
#include "cloud/hub/transport/hub_options.h"

namespace pavise::hub {

class BodyRoom {
 public:
  // False: there is not so much left, of all or of the share that parts of files have.
  bool take(std::size_t bytes, HttpBodyKind kind) {
    const bool file = kind == HttpBodyKind::file;
    if (bytes > kHttpBodiesBytesMax - taken_) return false;
    if (file && bytes > kHttpFileBodiesBytesMax - files_) return false;
    taken_ += bytes;
    if (file) files_ += bytes;
    return true;
  }
  // Precondition: so much was taken.
  void give(std::size_t bytes, HttpBodyKind kind) {
    taken_ -= bytes;
    if (kind == HttpBodyKind::file) files_ -= bytes;
  }

 private:
  std::size_t taken_ = 0;
  std::size_t files_ = 0;  // among them
};

}  // namespace pavise::hub
