#include "cloud/security/signer/wire/wire.h"

#include <algorithm>
#include <array>

#include "protocol/cbor/cbor.h"

namespace pavise::security::signer::wire {
namespace {

constexpr std::uint64_t kOpCreate = 1;
constexpr std::uint64_t kOpSign = 2;
constexpr std::uint64_t kOpServer = 3;
constexpr std::uint64_t kOpList = 4;
constexpr std::uint64_t kTimeMax = 253'402'300'799;  // 9999-12-31T23:59:59Z, the last in X.509
constexpr std::size_t kCodeBytesMax = 16;

constexpr std::array kErrors = {&kSignerProtocol, &kSignerPolicy,     &kNoSuchAuthority,
                                &kKeyStoreFailed, &kSignerOverloaded, &kAuthorityDamaged};

Error malformed(const Error& cause) {
  return Error(kSignerProtocol, cause.message());
}

TenantId read_tenant(cbor::Reader& in) {
  auto tenant = TenantId::parse(in.text(1, TenantId::kLengthMax));
  in.require(tenant.has_value());
  static const TenantId none = *TenantId::parse("none");  // never used: the reader has failed
  return tenant.value_or(none);
}

DeviceId read_device(cbor::Reader& in) {
  auto device = DeviceId::parse(in.text(DeviceId::kLength, DeviceId::kLength));
  in.require(device.has_value());
  static const DeviceId none = *DeviceId::parse(std::string(DeviceId::kLength, '0'));
  return device.value_or(none);
}

Bytes read_certificate(cbor::Reader& in) {
  return to_bytes(in.bytes(1, kCertificateBytesMax));
}

std::vector<std::string> read_texts(cbor::Reader& in, std::size_t bytes_max) {
  std::vector<std::string> out;
  const std::size_t count = in.array(0, kServerNamesMax);
  for (std::size_t i = 0; i < count; ++i) out.emplace_back(in.text(1, bytes_max));
  return out;
}

LeafRequest read_leaf(cbor::Reader& in) {
  constexpr std::size_t kFields = 6;
  in.array(kFields, kFields);
  TenantId tenant = read_tenant(in);
  DeviceId device = read_device(in);
  const auto xy = in.fixed<64>();
  const auto not_before = static_cast<UnixSeconds>(in.uint(kTimeMax));
  const auto not_after = static_cast<UnixSeconds>(in.uint(kTimeMax));
  return {std::move(tenant), std::move(device), xy, not_before, not_after, in.fixed<16>()};
}

Request read_arguments(cbor::Reader& in, std::uint64_t op) {
  switch (op) {
    case kOpCreate: {
      cbor::MapReader map(in, 1);
      map.required(1);
      CreateTenantCa out{read_tenant(in)};
      map.finish();
      return out;
    }
    case kOpSign: {
      SignLeaves out;
      const std::size_t count = in.array(1, kLeavesPerBatchMax);
      for (std::size_t i = 0; i < count && in.ok(); ++i) out.leaves.push_back(read_leaf(in));
      return out;
    }
    case kOpServer: {
      MakeServerCertificate out;
      cbor::MapReader map(in, 3);
      map.required(1);
      out.request.dns_names = read_texts(in, kDnsNameBytesMax);
      map.required(2);
      out.request.ip_addresses = read_texts(in, kIpTextBytesMax);
      map.required(3);
      out.request.public_xy = in.fixed<64>();
      map.finish();
      return out;
    }
    default: {
      List out;
      cbor::MapReader map(in, 1);
      map.required(1);
      out.after = in.text(0, TenantId::kLengthMax);
      map.finish();
      return out;
    }
  }
}

cbor::Writer& write_head(cbor::Writer& out, std::uint64_t op) {
  return out.map(2).uint(1).uint(op).uint(2);
}

void write_refusal(cbor::Writer& out, const Error& error) {
  std::string_view detail = error.detail();
  detail = detail.substr(0, kErrorDetailBytesMax);
  // A detail may quote bytes of the outside; a text must be UTF-8.
  const bool plain = std::ranges::all_of(detail, [](char c) { return c >= 0x20 && c < 0x7f; });
  out.map(3).uint(1).boolean(false).uint(2).text(error.code()).uint(3).text(plain ? detail : "");
}

// Reads key 1 and, when it is false, the refusal. True: key 2 follows, with the result.
bool read_success(cbor::Reader& in, cbor::MapReader& map, std::optional<Error>& refusal) {
  map.required(1);
  if (in.boolean()) {
    map.required(2);
    return in.ok();
  }
  map.required(2);
  const std::string_view code = in.text(1, kCodeBytesMax);
  map.required(3);
  const std::string detail(in.text(0, kErrorDetailBytesMax));
  map.finish();
  const auto known = std::ranges::find(kErrors, code, &ErrorInfo::code);
  refusal = known != kErrors.end() ? Error(**known, detail)
                                   : Error(kSignerProtocol, "unknown answer " + std::string(code));
  return false;
}

// The shape that all responses share; `read` reads the value of key 2.
template <class T, class Read>
Result<T> parse_response(ByteView packet, const Read& read) {
  if (packet.size() > kPacketBytesMax) return Error(kSignerProtocol, "too large");
  cbor::Reader in(packet);
  cbor::MapReader map(in, 3);
  std::optional<Error> refusal;
  std::optional<T> result;
  if (read_success(in, map, refusal)) {
    result.emplace(read(in));
    map.finish();
  }
  if (const auto end = in.finish(); !end) return malformed(end.error());
  if (refusal) return *std::move(refusal);
  return *std::move(result);
}

}  // namespace

Result<Request> parse_request(ByteView packet) {
  if (packet.size() > kPacketBytesMax) return Error(kSignerProtocol, "too large");
  cbor::Reader in(packet);
  cbor::MapReader map(in, 2);
  map.required(1);
  const std::uint64_t op = in.uint(kOpList);
  in.require(op >= kOpCreate);
  map.required(2);
  Request request = read_arguments(in, op);
  map.finish();
  if (const auto end = in.finish(); !end) return malformed(end.error());
  return request;
}

Bytes encode_request(const Request& request) {
  cbor::Writer out;
  if (const auto* create = std::get_if<CreateTenantCa>(&request)) {
    write_head(out, kOpCreate).map(1).uint(1).text(create->tenant.text());
  } else if (const auto* sign = std::get_if<SignLeaves>(&request)) {
    write_head(out, kOpSign).array(sign->leaves.size());
    for (const LeafRequest& leaf : sign->leaves)
      out.array(6)
          .text(leaf.tenant.text())
          .text(leaf.device.text())
          .bytes(leaf.public_xy)
          .uint(static_cast<std::uint64_t>(leaf.not_before))
          .uint(static_cast<std::uint64_t>(leaf.not_after))
          .bytes(leaf.serial);
  } else if (const auto* server = std::get_if<MakeServerCertificate>(&request)) {
    const ServerRequest& asked = server->request;
    write_head(out, kOpServer).map(3).uint(1).array(asked.dns_names.size());
    for (const std::string& name : asked.dns_names) out.text(name);
    out.uint(2).array(asked.ip_addresses.size());
    for (const std::string& address : asked.ip_addresses) out.text(address);
    out.uint(3).bytes(asked.public_xy);
  } else if (const auto* list = std::get_if<List>(&request)) {
    write_head(out, kOpList).map(1).uint(1).text(list->after);
  }
  return out.take();
}

Bytes encode_refusal(const Error& error) {
  cbor::Writer out;
  write_refusal(out, error);
  return out.take();
}

Bytes encode_response(const AuthorityCertificates& result) {
  cbor::Writer out;
  out.map(2).uint(1).boolean(true).uint(2);
  out.map(2).uint(1).bytes(result.root).uint(2).bytes(result.issuing);
  return out.take();
}

Bytes encode_response(const std::vector<Result<Bytes>>& leaves) {
  cbor::Writer out;
  out.map(2).uint(1).boolean(true).uint(2).array(leaves.size());
  for (const auto& leaf : leaves) {
    if (leaf)
      out.map(2).uint(1).boolean(true).uint(2).bytes(*leaf);
    else
      write_refusal(out, leaf.error());
  }
  return out.take();
}

Bytes encode_response(const ServerCertificate& result) {
  return encode_response(AuthorityCertificates{result.leaf, result.root});
}

Bytes encode_response(const std::vector<TenantAuthority>& page) {
  cbor::Writer out;
  out.map(2).uint(1).boolean(true).uint(2).array(page.size());
  for (const TenantAuthority& authority : page)
    out.array(3)
        .text(authority.tenant.text())
        .bytes(authority.certificates.root)
        .bytes(authority.certificates.issuing);
  return out.take();
}

Result<AuthorityCertificates> parse_authority(ByteView packet) {
  return parse_response<AuthorityCertificates>(packet, [](cbor::Reader& in) {
    AuthorityCertificates out;
    cbor::MapReader map(in, 2);
    map.required(1);
    out.root = read_certificate(in);
    map.required(2);
    out.issuing = read_certificate(in);
    map.finish();
    return out;
  });
}

Result<std::vector<Result<Bytes>>> parse_leaves(ByteView packet, std::size_t count) {
  return parse_response<std::vector<Result<Bytes>>>(packet, [count](cbor::Reader& in) {
    std::vector<Result<Bytes>> out;
    const std::size_t sent = in.array(count, count);
    for (std::size_t i = 0; i < sent && in.ok(); ++i) {
      cbor::MapReader map(in, 3);
      std::optional<Error> refusal;
      if (read_success(in, map, refusal)) {
        out.emplace_back(read_certificate(in));
        map.finish();
      } else {
        out.emplace_back(refusal ? *std::move(refusal) : Error(kSignerProtocol));
      }
    }
    return out;
  });
}

Result<ServerCertificate> parse_server_certificate(ByteView packet) {
  PAVISE_TRY_ASSIGN(auto pair, parse_authority(packet));
  return ServerCertificate{std::move(pair.root), std::move(pair.issuing)};
}

Result<std::vector<TenantAuthority>> parse_list(ByteView packet) {
  return parse_response<std::vector<TenantAuthority>>(packet, [](cbor::Reader& in) {
    std::vector<TenantAuthority> out;
    const std::size_t count = in.array(0, kListPageMax);
    for (std::size_t i = 0; i < count && in.ok(); ++i) {
      in.array(3, 3);
      TenantId tenant = read_tenant(in);
      Bytes root = read_certificate(in);
      out.push_back({std::move(tenant), {std::move(root), read_certificate(in)}});
    }
    return out;
  });
}

}  // namespace pavise::security::signer::wire
