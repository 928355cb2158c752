// Images with one thing wrong each, for all who read them.
#pragma once

#include "protocol/erofs/testing/images.h"

namespace pavise::erofs::testing {

// A file over a block's end, one within it, an empty one, one of a block, a link, two names of one.
inline const Folder& small_tree() {
  static const Folder folder;
  static const bool once = [] {
    folder.write("app/bin/blink", std::string(5000, 'b'), 0755);
    folder.write("app/greeting", "hello\n");
    folder.write("app/nothing", "");
    folder.write("block", std::string(4096, 'x'));
    std::filesystem::create_symlink("../greeting", folder / "app/bin/link");
    std::filesystem::create_hard_link(folder / "app/greeting", folder / "twice");
    return true;
  }();
  EXPECT_TRUE(once);
  return folder;
}

struct MalformedImage {
  std::string what;
  Bytes image;
  const ErrorInfo& expected;
  std::string detail = {};  // empty: any
};

// `value`, `bytes` long, at a place of the image.
struct Field {
  const char* what;
  std::size_t at;
  std::uint64_t value;
  std::size_t bytes;
  const ErrorInfo& expected;
};

inline std::vector<Field> superblock_fields() {
  return {{"magic", 1024, 0, 4, kNotErofs},
          {"compatible feature", 1032, 7, 4, kNotErofs},
          {"no checksum", 1032, 2, 4, kDamaged},
          {"block bits", 1036, 13, 1, kNotErofs},
          {"extra slots", 1037, 1, 1, kNotErofs},
          {"root outside", 1038, 0xffff, 2, kDamaged},
          {"blocks", 1024 + 36, 1, 4, kDamaged},
          {"meta block", 1024 + 40, 0xffffffff, 4, kDamaged},
          {"shared attributes", 1024 + 44, 1, 4, kHasAttributes},
          {"incompatible feature", 1024 + 80, 1, 4, kNotErofs},
          {"extra devices", 1024 + 86, 1, 2, kNotErofs}};
}

inline std::vector<Field> inode_fields(const Bytes& good) {
  const std::size_t big = inode_of(good, "blink");
  const std::size_t small = inode_of(good, "greeting");
  return {{"compressed", big, 1U << 1U, 2, kNotErofs},
          {"chunks", big, 4U << 1U, 2, kNotErofs},
          {"unknown layout", big, 7U << 1U, 2, kNotErofs},
          {"high format bit", big, 1U << 9U, 2, kNotErofs},
          {"attributes", big + 2, 1, 2, kHasAttributes},
          {"no kind", big + 4, 0, 2, kDamaged},
          {"another kind", big + 4, 0040755, 2, kDamaged},
          {"size beyond", big + 8, 0xffffffff, 4, kDamaged},
          {"data beyond", big + 16, 0xfffffff0, 4, kDamaged},
          {"tail over a block", small + 8, 4095, 4, kDamaged}};
}

inline std::vector<Field> directory_fields(const Bytes& good) {
  const std::size_t entry = dirent_of(good, "greeting");
  const std::size_t folder = dirent_of(good, "bin");  // of the same directory
  return {{"inode outside", entry, 0xffffffffffff, 8, kDamaged},
          {"name outside", entry + 8, 0xffff, 2, kDamaged},
          {"names overlap", entry + 8, 0, 2, kDamaged},
          {"entry of another kind", entry + 10, 5, 1, kDamaged},
          {"entry of no kind", entry + 10, 0, 1, kDamaged},
          {"the folder above", dirent_of(good, ".."), 1, 8, kDamaged},
          {"a folder below itself", folder, get(good, 1038, 2), 8, kDamaged}};
}

// The first character of the first such text.
inline void rename(Bytes& image, std::string_view text, char first) {
  const std::size_t at = as_text(image).find(text, dirent_of(image, text));
  ASSERT_NE(at, std::string_view::npos) << text;
  image[at] = static_cast<std::byte>(first);
}

inline std::vector<MalformedImage> changed(const Bytes& good, const std::vector<Field>& fields) {
  std::vector<MalformedImage> out;
  for (const Field& field : fields) {
    out.push_back({field.what, good, field.expected});
    put(out.back().image, field.at, field.value, field.bytes);
    seal(out.back().image);
  }
  return out;
}

// What our images do not use, and what the superblock says of itself.
inline std::vector<MalformedImage> malformed_superblocks() {
  const Bytes good = image_of(small_tree());
  std::vector<MalformedImage> out = changed(good, superblock_fields());
  out.push_back({"checksum", good, kDamaged, "checksum of the superblock"});
  put(out.back().image, 1024 + 24, 1, 4);
  out.push_back({"compression", image_of(small_tree(), {"-zlz4"}), kNotErofs});
  out.push_back({"chunks of files", image_of(small_tree(), {"--chunksize=4096"}), kNotErofs});
  return out;
}

inline std::vector<MalformedImage> malformed_inodes() {
  const Bytes good = image_of(small_tree());
  return changed(good, inode_fields(good));
}

inline std::vector<MalformedImage> malformed_directories() {
  const Bytes good = image_of(small_tree());
  std::vector<MalformedImage> out = changed(good, directory_fields(good));
  const auto add = [&](const char* what, std::string detail, auto change) {
    out.push_back({what, good, kDamaged, std::move(detail)});
    change(out.back().image);
    seal(out.back().image);
  };
  add("separator in a name", "/app: a name", [](Bytes& b) { rename(b, "greeting", '/'); });
  add("zero in a name", "", [](Bytes& b) { rename(b, "greeting", '\0'); });
  add("order of names", "/app: order of names", [](Bytes& b) { rename(b, "greeting", 'a'); });
  add("a folder in two places", "", [](Bytes& b) {
    const std::size_t entry = dirent_of(b, "greeting");
    put(b, entry, get(b, dirent_of(b, "bin"), 8), 8);
    put(b, entry + 10, 2, 1);
  });
  return out;
}

}  // namespace pavise::erofs::testing
