// docs/formats/app-image.md as a table: headers with one field wrong each, for all who read them.
#pragma once

#include "protocol/image/header.h"

namespace pavise::image::testing {

struct MalformedHeader {
  const char* field;
  std::size_t at;
  std::vector<unsigned char> bytes;
  const ErrorInfo& expected;
  const char* detail;

  void put_into(Bytes& header) const {
    for (std::size_t i = 0; i < bytes.size(); ++i)
      header.at(at + i) = static_cast<std::byte>(bytes[i]);
  }
};

// Of a header with two needs and a tenant of four letters, as packages.h makes it.
inline std::vector<MalformedHeader> malformed_headers() {
  return {
      {"magic", 0, {'p'}, kNotPackage, "magic"},
      {"magic's zero", 7, {1}, kNotPackage, "magic"},
      {"format version", 8, {0, 2}, kOtherFormat, "2"},
      {"format version 0", 8, {0, 0}, kOtherFormat, "0"},
      {"header size", 10, {2, 1}, kBadHeader, "size of the header"},
      {"no manifest", 12, {0, 0, 0, 0}, kBadHeader, "size of the manifest"},
      {"manifest over the limit", 12, {0, 1, 0, 1}, kBadHeader, "size of the manifest"},
      {"component id", 16, std::vector<unsigned char>(16), kBadHeader, "component id"},
      {"major", 32, {0x27, 0x10}, kBadHeader, "version"},
      {"minor", 34, {0x27, 0x10}, kBadHeader, "version"},
      {"patch", 36, {0xff, 0xff}, kBadHeader, "version"},
      {"after the version", 39, {1}, kBadHeader, "after the version"},
      {"epoch", 40, {0x80, 0, 0, 0}, kBadHeader, "security epoch"},
      {"one block", 44, {0, 0, 0, 1}, kBadHeader, "blocks of the content"},
      {"too many blocks", 44, {0, 1, 0, 1}, kBadHeader, "blocks of the content"},
      {"tenant's length", 48, {3}, kBadHeader, "tenant"},
      {"no tenant", 48, std::vector<unsigned char>(52), kBadHeader, "tenant"},
      {"tenant's letters", 49, {'A'}, kBadHeader, "tenant"},
      {"after the tenant", 99, {1}, kBadHeader, "tenant"},
      {"nine needs", 260, {9}, kBadHeader, "number of needs"},
      {"after the count", 263, {1}, kBadHeader, "number of needs"},
      {"a need not counted", 260, {1}, kBadHeader, "an unused need"},
      {"a need without name", 260, {3}, kBadHeader, "name of a need"},
      {"a need's letters", 264, {'P'}, kBadHeader, "name of a need"},
      {"a need's zeros", 278, {0, 'x'}, kBadHeader, "name of a need"},
      {"needs out of order", 264, {'y'}, kBadHeader, "name of a need"},
      {"version of an unused need", 423, {1}, kBadHeader, "an unused need"},
      {"reserved, first", 424, {1}, kBadHeader, "reserved bytes"},
      {"reserved, last", 447, {1}, kBadHeader, "reserved bytes"},
  };
}

}  // namespace pavise::image::testing
