// A fresh folder that goes away with the object.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace pavise::hub::store {

class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "pavise-hub-XXXXXX").string();
    PAVISE_CHECK(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }
  std::string file(std::string_view name = "hub.db") const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

}  // namespace pavise::hub::store
