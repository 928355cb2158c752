// The few files of the guardian, each small enough to be read and written whole.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "samples/modbus_guardian/words.h"

namespace modbus_guardian {

inline constexpr std::size_t kRecordFileBytesMax = 65'536;

// Up to kFileBytesMax bytes of a regular file; nothing if there is none.
Parsed<std::optional<std::string>> read_file(const std::filesystem::path& path);

// The whole file or the old one, also after a loss of power. False: the old one may be there.
bool replace_file(const std::filesystem::path& path, const std::string& text);

// Appends lines; a full file becomes PATH.old, so that there are never more than two.
class RecordFile {
 public:
  explicit RecordFile(std::filesystem::path path) : path_(std::move(path)) {}
  void append(std::string_view line);

 private:
  std::filesystem::path path_;
};

}  // namespace modbus_guardian
