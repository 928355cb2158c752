// Runs a program and keeps its files in a folder of their own. No shell.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "common/base/bytes.h"

namespace pavise::interop {

// A fresh folder, removed with all that is in it.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::string path(const std::string& name) const { return (path_ / name).string(); }
  std::string write(const std::string& name, ByteView content) const;  // yields the path

 private:
  std::filesystem::path path_;
};

Bytes read_file(const std::string& path);
// Exit status; -1 if it did not start or was killed. Its output goes to `log`.
int run_program(const std::vector<std::string>& arguments, const std::string& log);

}  // namespace pavise::interop
