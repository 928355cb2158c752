// What swtpm 0.7.1 (libtpms 0.9.2) returned to tpm2-tools 5.4: independent of our encoders.
#pragma once

#include <string_view>

#include "common/base/bytes.h"

namespace pavise::tpm::vectors {

// tpm2_createek -G rsa: template L-1.
inline constexpr std::string_view kEkPublic =
    "0001000b000300b20020837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa0006"
    "008000430010080000000000010094561a4d3de25ca1b5ff208af2c7bae28d98f56a6b35e909c215aea4177d"
    "17b7a6ffa70dcd8aa54f014280047d2ccb46354179513ae472e8e226d22137a5480934ae75ad58ed44c6531e"
    "bb59c25622814f7c55bb6badca6199ea1a254a4e65c946cc6dd514da6db0dbd76681f975bab63d57e5f04f8c"
    "23de1d93ab799f5abf88279116a5e34db4b1315cc48c93ea8d35529f2ff86d6cba8b8f703139b3ea2324409d"
    "40ddec712c577a02c3ca1fa3ce9ea95028031e6223c35d95e50f1022183a348ac22402a82422875e5414a2a2"
    "9e33e5f09a2d642d0bb58c9730c45da133a99518e5fe3ceb84bf663c1dc4c44b3e8df6672495d60c4addfc21"
    "daf8afeb2f99";
inline constexpr std::string_view kEkName =
    "000b42f0ff3311982e44a3287e7b9f306e49960b01ea5581be51ccd4dabc562fe611";
// tpm2_createak -G ecc -g sha256 -s ecdsa.
inline constexpr std::string_view kAkPublic =
    "0023000b00050072000000100018000b000300100020986bcd18f002319255e90ff609c2ab72f3e0d119aaf6"
    "9fa15b40b03d1fcfdb33002072e1a435b04217375fb0127e11a4eb6457489a16095649de9bd7d2a80c837743";
inline constexpr std::string_view kAkName =
    "000b699c67c33fbda434fce88101a8b7728e76af15ced0fc872e173983c52d768499";
inline constexpr std::string_view kTlsKeyName =
    "000b488bfa94c8eaa816f29f8cf2ae42b9e3bbf3d1b6974f07d2f19cc852c354c990";
inline constexpr std::string_view kQuote =
    "ff54434780180022000bb8a2b57f0f207244649ed0dfa0c07d4d66b1d2490f028c361db6aaa8b2fd34e60003"
    "aabbcc00000000000064f5000000020000000001201910230016363600000001000b0395780000205341e6b2"
    "646979a70e57653007a1f310169421ec9bdd9f1a5648f75ade005af1";
inline constexpr std::string_view kQuoteSignature =
    "0018000b0020f8b4f6bfd6a66207ffce969acaf1fe2d61e3e293bd68cc62a20dedbba65387ae00203f6c4f98"
    "83f9b57a9277dae8bc75c83a94eedbc06058eebbf30739d916a18289";
inline constexpr std::string_view kCertify =
    "ff54434780170022000bb8a2b57f0f207244649ed0dfa0c07d4d66b1d2490f028c361db6aaa8b2fd34e60004"
    "00ff55aa000000000000651d00000002000000000120191023001636360022000b488bfa94c8eaa816f29f8c"
    "f2ae42b9e3bbf3d1b6974f07d2f19cc852c354c9900022000b80737c24895be3c7e6d19b5c2a9882f7871079"
    "6e8236ac34d286e4cd753916a2";
inline constexpr std::string_view kCertifySignature =
    "0018000b0020a5b5c4dc2523419d137fb5db44aa09d7edaebb9b689b183f5f360a2178e4b4230020eae39f60"
    "3565b2a0ba265bfd0c52d40d40da42abfdfb9efe0b12544422ec7c14";

inline Bytes bytes(std::string_view hex) {
  return *from_hex(hex);
}

}  // namespace pavise::tpm::vectors
