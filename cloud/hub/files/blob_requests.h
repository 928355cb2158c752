// The part of the Azure Blob service's REST calls that device SDKs use to upload a file: Put Blob,
// Put Block and Put Block List on block blobs, authorised by the signature in the URL.
#pragma once

#include <functional>
#include <optional>

#include "cloud/hub/files/file_store.h"
#include "cloud/hub/files/upload_token.h"
#include "cloud/hub/ports/http_port.h"

namespace pavise::hub::files {

// The container that every hub's uploads are told of; no other call's path begins so.
inline constexpr std::string_view kContainer = "pavise-files";

// A whole file that is put in one request comes in pieces of about so much.
inline constexpr std::size_t kPutPieceSize = 4UL * 1024 * 1024;

class BlobRequests {
 public:
  // Whether the device of this upload may still send, and how much. Any thread; does not block.
  using Admit = std::function<Result<FileLimits>(const NewUpload&)>;
  // `stranger`: the peer's address when the URL did not show who sends, else empty.
  using Refused = std::function<void(std::string_view call, std::string_view tracking_id,
                                     const Error&, std::string_view stranger)>;

  BlobRequests(FileStore& store, const UploadTokens& tokens, Admit admit, const Clock& clock)
      : store_(store), tokens_(tokens), admit_(std::move(admit)), clock_(clock) {}

  static bool is_mine(std::string_view path);
  // Precondition: is_mine(head.path). From memory, at once: who has no signature for this file
  // sends no body.
  HttpHeadVerdict judge(const HttpHead& head) const;
  // The same precondition. Blocks on disk.
  HttpResponse handle(const HttpRequest& request, const Refused& refused) const;

 private:
  Result<UploadGrant> granted(std::string_view path, std::string_view query) const;
  Result<HttpResponse> serve(const HttpRequest& request) const;
  Result<HttpResponse> put_whole(const HttpRequest& request, const Upload& upload,
                                 const FileLimits& limits) const;
  Result<HttpResponse> put_piece(const HttpRequest& request, const Upload& upload,
                                 const FileLimits& limits, bool only_new) const;
  HttpResponse refusal(const Error& error, std::string_view call, std::string_view peer,
                       const Refused& refused) const;

  FileStore& store_;
  const UploadTokens& tokens_;
  const Admit admit_;
  const Clock& clock_;
};

// What a device is told to use as the name: '%', '?' and '#' are percent-encoded, since SDKs paste
// it into a URL as it is.
std::string blob_name_for_url(std::string_view device, std::string_view name);
// The whole path of a file, percent-encoded: "/pavise-files/{device}/{name}".
std::string blob_path(std::string_view device, std::string_view name);

}  // namespace pavise::hub::files
