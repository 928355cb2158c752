#include "protocol/erofs/erofs.h"

#include <algorithm>
#include <optional>
#include <set>

namespace pavise::erofs {
namespace {

constexpr std::size_t kSuperOffset = 1024;
constexpr std::size_t kSuperBytes = 128;
constexpr std::uint32_t kMagic = 0xe0f5e1e2;
constexpr std::uint32_t kCompatChecksum = 1, kCompatMtime = 2;
constexpr std::uint8_t kBlockBits = 12;
constexpr std::size_t kInodeSlotBytes = 32;
constexpr std::size_t kInodeCompactBytes = 32, kInodeExtendedBytes = 64;
constexpr std::size_t kDirentBytes = 12;
constexpr unsigned kLayoutPlain = 0, kLayoutInline = 2;

struct Super {
  std::uint32_t blocks = 0;
  std::uint32_t meta_block = 0;
  std::uint64_t root = 0;
};

struct Inode {
  std::uint16_t mode = 0;
  Kind kind = Kind::file;
  std::uint32_t uid = 0, gid = 0;
  std::uint64_t size_bytes = 0;
  ByteView head, tail;
};

// CRC-32C, reflected, without the last inversion, as the kernel computes it over the first block
// from the superblock on with the field itself zero.
std::uint32_t super_checksum(ByteView image) {
  std::uint32_t crc = ~0U;
  for (std::size_t at = kSuperOffset; at < kBlockBytes; ++at) {
    const bool own = at >= kSuperOffset + 4 && at < kSuperOffset + 8;
    crc ^= own ? 0U : std::to_integer<std::uint32_t>(image[at]);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1U ^ ((crc & 1U) != 0 ? 0x82f63b78U : 0U);
  }
  return crc;
}

bool all_zero(ByteView bytes) {
  return std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{}; });
}

// Fields of a place that is known to be inside; past its end they are zero.
class Fields {
 public:
  explicit Fields(ByteView bytes) : in_(bytes) {}

  template <std::unsigned_integral T>
  T le() {
    return in_.le<T>().value_or(T{0});
  }
  void skip(std::size_t size) { (void)in_.take(size); }
  ByteView rest() const { return in_.rest(); }
  bool ok() const { return in_.ok(); }

 private:
  ByteReader in_;
};

Result<Super> read_super(ByteView image) {
  Fields in(image.subspan(kSuperOffset, kSuperBytes));
  const auto magic = in.le<std::uint32_t>();
  const auto checksum = in.le<std::uint32_t>();
  const auto compat = in.le<std::uint32_t>();
  const auto block_bits = in.le<std::uint8_t>();
  const auto extra_slots = in.le<std::uint8_t>();
  Super out;
  out.root = in.le<std::uint16_t>();
  in.skip(8 + 8 + 4);  // number of inodes, build time
  out.blocks = in.le<std::uint32_t>();
  out.meta_block = in.le<std::uint32_t>();
  const auto shared_attributes = in.le<std::uint32_t>();
  in.skip(16 + 16);  // UUID, volume name
  const auto incompat = in.le<std::uint32_t>();
  const auto rest = in.rest();  // compression, devices, what newer formats have

  if (magic != kMagic) return Error(kNotErofs, "magic");
  if (block_bits != kBlockBits || extra_slots != 0) return Error(kNotErofs, "block size");
  if ((compat & ~(kCompatChecksum | kCompatMtime)) != 0 || incompat != 0 || !all_zero(rest))
    return Error(kNotErofs, "a feature");
  if (shared_attributes != 0) return Error(kHasAttributes, "superblock");
  if ((compat & kCompatChecksum) == 0 || checksum != super_checksum(image))
    return Error(kDamaged, "checksum of the superblock");
  if (std::max<std::size_t>(out.blocks, kBlocksMin) * kBlockBytes != image.size())
    return Error(kDamaged, "number of blocks");
  return out;
}

std::optional<Kind> kind_of(std::uint16_t mode) {
  switch (mode >> 12U) {
    case 010:
      return Kind::file;
    case 004:
      return Kind::directory;
    case 002:
      return Kind::character_device;
    case 006:
      return Kind::block_device;
    case 001:
      return Kind::fifo;
    case 014:
      return Kind::socket;
    case 012:
      return Kind::symlink;
    default:
      return std::nullopt;
  }
}

// The kind in a directory entry is Kind's position, counted from one.
bool is_type_of(std::uint8_t type, Kind kind) {
  return type == static_cast<unsigned>(kind) + 1;
}

bool has_data(Kind kind) {
  return kind == Kind::file || kind == Kind::directory || kind == Kind::symlink;
}

class Walker {
 public:
  Walker(ByteView image, const Super& super, const Visit& visit)
      : image_(image), super_(super), visit_(visit) {}

  Status run() {
    path_ = "/";
    PAVISE_TRY_ASSIGN(const Inode root, read_inode(super_.root));
    if (root.kind != Kind::directory) return damaged("no directory");
    PAVISE_TRY(visit_({.path = path_,
                       .kind = Kind::directory,
                       .permissions = permissions(root),
                       .uid = root.uid,
                       .gid = root.gid,
                       .size_bytes = root.size_bytes}));
    path_.clear();
    directories_.insert(super_.root);
    return walk_directory(root, super_.root, super_.root, 0);
  }

 private:
  struct Directory {
    std::uint64_t self, parent;
    unsigned depth;
    std::string last_name;
    unsigned dots = 0;
  };

  static std::uint16_t permissions(const Inode& inode) {
    return static_cast<std::uint16_t>(inode.mode & 07777U);
  }
  Error damaged(std::string_view what) const {
    return {kDamaged, (path_.empty() ? "/" : path_) + ": " + std::string(what)};
  }

  Result<Inode> read_inode(std::uint64_t number) {
    if (number > image_.size() / kInodeSlotBytes) return damaged("inode outside");
    const std::uint64_t at =
        std::uint64_t{super_.meta_block} * kBlockBytes + number * kInodeSlotBytes;
    if (at > image_.size()) return damaged("inode outside");
    Fields in(image_.subspan(at));
    const auto format = in.le<std::uint16_t>();
    const auto attributes = in.le<std::uint16_t>();
    Inode out;
    out.mode = in.le<std::uint16_t>();
    const bool extended = (format & 1U) != 0;
    std::uint32_t data_block = 0;
    if (extended) {
      in.skip(2);
      out.size_bytes = in.le<std::uint64_t>();
      data_block = in.le<std::uint32_t>();
      in.skip(4);
      out.uid = in.le<std::uint32_t>();
      out.gid = in.le<std::uint32_t>();
      in.skip(kInodeExtendedBytes - 32);
    } else {
      in.skip(2);
      out.size_bytes = in.le<std::uint32_t>();
      in.skip(4);
      data_block = in.le<std::uint32_t>();
      in.skip(4);
      out.uid = in.le<std::uint16_t>();
      out.gid = in.le<std::uint16_t>();
      in.skip(4);
    }
    if (!in.ok()) return damaged("inode outside");
    if (attributes != 0) return Error(kHasAttributes, path_);
    const unsigned layout = format >> 1U;
    if (layout != kLayoutPlain && layout != kLayoutInline)
      return Error(kNotErofs, path_ + ": layout of its data");
    const auto kind = kind_of(out.mode);
    if (!kind) return damaged("kind");
    out.kind = *kind;
    if (has_data(*kind))
      PAVISE_TRY(find_data(out, layout, data_block,
                           at + (extended ? kInodeExtendedBytes : kInodeCompactBytes)));
    return out;
  }

  // Whole blocks from `data_block` on; with the inline layout what is left follows the inode, in
  // the same block.
  Status find_data(Inode& inode, unsigned layout, std::uint32_t data_block,
                   std::uint64_t inode_end) const {
    if (inode.size_bytes > image_.size()) return damaged("size");
    const auto tail_bytes =
        layout == kLayoutInline ? static_cast<std::size_t>(inode.size_bytes % kBlockBytes) : 0;
    const auto head_bytes = static_cast<std::size_t>(inode.size_bytes) - tail_bytes;
    if (head_bytes != 0) {
      const std::uint64_t at = std::uint64_t{data_block} * kBlockBytes;
      if (at > image_.size() || head_bytes > image_.size() - at) return damaged("data outside");
      inode.head = image_.subspan(at, head_bytes);
    }
    if (tail_bytes == 0) return {};
    if (inode_end % kBlockBytes + tail_bytes > kBlockBytes ||
        inode_end + tail_bytes > image_.size())
      return damaged("data outside");
    inode.tail = image_.subspan(inode_end, tail_bytes);
    return {};
  }

  Status walk_directory(const Inode& inode, std::uint64_t self, std::uint64_t parent,
                        unsigned depth) {
    Directory directory{.self = self, .parent = parent, .depth = depth, .last_name = {}};
    ByteView head = inode.head;
    while (!head.empty()) {
      const ByteView block = head.first(std::min(head.size(), kBlockBytes));
      PAVISE_TRY(walk_block(block, directory));
      head = head.subspan(block.size());
    }
    if (!inode.tail.empty()) PAVISE_TRY(walk_block(inode.tail, directory));
    if (directory.dots != 2) return damaged("no . or no ..");
    return {};
  }

  Status walk_block(ByteView block, Directory& directory) {
    const auto name_at = [block](std::size_t index) {
      Fields in(block.subspan(index * kDirentBytes + 8));
      return std::size_t{in.le<std::uint16_t>()};
    };
    if (block.size() < kDirentBytes) return damaged("directory block");
    const std::size_t first = name_at(0);
    if (first < kDirentBytes || first % kDirentBytes != 0 || first >= block.size())
      return damaged("directory block");
    const std::size_t count = first / kDirentBytes;
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t begin = name_at(i);
      std::size_t end = i + 1 < count ? name_at(i + 1) : block.size();
      if (begin >= end || end > block.size()) return damaged("directory block");
      std::string_view name = as_text(block.subspan(begin, end - begin));
      // Only the last name of a block may be followed by zeros.
      if (i + 1 == count) name = name.substr(0, name.find('\0'));
      Fields in(block.subspan(i * kDirentBytes));
      const std::uint64_t number = in.le<std::uint64_t>();
      in.skip(2);
      PAVISE_TRY(take_name(name, number, in.le<std::uint8_t>(), directory));
    }
    return {};
  }

  Status take_name(std::string_view name, std::uint64_t number, std::uint8_t type,
                   Directory& directory) {
    if (name.empty() || name.size() > kNameBytesMax ||
        name.find_first_of(std::string_view("/\0", 2)) != std::string_view::npos)
      return damaged("a name");
    // The kernel searches by halves; an entry out of order would be there for some and not others.
    if (name <= directory.last_name) return damaged("order of names");
    directory.last_name = name;
    if (name == "." || name == "..") {
      ++directory.dots;
      if (number != (name == "." ? directory.self : directory.parent) ||
          !is_type_of(type, Kind::directory))
        return damaged(". or ..");
      return {};
    }
    if (++entries_ > kEntriesMax)
      return Error(kOverLimit, "more than " + std::to_string(kEntriesMax) + " names");
    const std::size_t parent_size = path_.size();
    path_.append("/").append(name);
    PAVISE_TRY(take_entry(number, type, directory));
    path_.resize(parent_size);
    return {};
  }

  Status take_entry(std::uint64_t number, std::uint8_t type, const Directory& directory) {
    PAVISE_TRY_ASSIGN(const Inode inode, read_inode(number));
    const Kind kind = inode.kind;
    if (!is_type_of(type, kind)) return damaged("kind");
    if (kind == Kind::symlink && (inode.size_bytes == 0 || inode.size_bytes > kTargetBytesMax))
      return Error(kOverLimit, path_ + ": length of the link");
    const bool is_directory = kind == Kind::directory;
    PAVISE_TRY(visit_({.path = path_,
                       .depth = directory.depth,
                       .kind = kind,
                       .permissions = permissions(inode),
                       .uid = inode.uid,
                       .gid = inode.gid,
                       .size_bytes = has_data(kind) ? inode.size_bytes : 0,
                       .head = is_directory ? ByteView() : inode.head,
                       .tail = is_directory ? ByteView() : inode.tail}));
    if (!is_directory) return {};
    if (directory.depth + 1 > kDepthMax)
      return Error(kOverLimit, path_ + ": deeper than " + std::to_string(kDepthMax));
    if (!directories_.insert(number).second) return damaged("a directory in two places");
    return walk_directory(inode, number, directory.self, directory.depth + 1);
  }

  ByteView image_;
  Super super_;
  const Visit& visit_;
  std::string path_;
  std::size_t entries_ = 0;
  std::set<std::uint64_t> directories_;
};

}  // namespace

std::string_view to_string(Kind kind) {
  constexpr std::array<std::string_view, 7> kNames{
      "file", "directory", "character device", "block device", "fifo", "socket", "symbolic link"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::uint32_t blocks_of(ByteView image) {
  if (image.size() < kSuperOffset + kSuperBytes) return 0;
  Fields in(image.subspan(kSuperOffset, kSuperBytes));
  if (in.le<std::uint32_t>() != kMagic) return 0;
  in.skip(4 + 4 + 1 + 1 + 2 + 8 + 8 + 4);
  return in.le<std::uint32_t>();
}

Status walk(ByteView image, const Visit& visit) {
  if (image.size() % kBlockBytes != 0 || image.size() < kBlocksMin * kBlockBytes ||
      image.size() > kBlocksMax * kBlockBytes)
    return Error(kNotErofs, "size");
  PAVISE_TRY_ASSIGN(const Super super, read_super(image));
  return Walker(image, super, visit).run();
}

}  // namespace pavise::erofs
