// The part of the Azure Blob service's REST calls that device SDKs use to upload a file: Put Blob,
// Put Block and Put Block List on block blobs, authorised by the signature in the URL. And for the
// files of a container besides: Get Blob, Get Blob Properties and Delete Blob.
#pragma once

#include <functional>
#include <optional>

#include "cloud/hub/files/file_store.h"
#include "cloud/hub/files/upload_token.h"
#include "cloud/hub/ports/http_port.h"

namespace pavise::hub::files {

// The container that every hub's uploads are told of; no other call's path begins so.
inline constexpr std::string_view kContainer = "pavise-files";
// What the paths of containers begin with: "/pavise-containers/{id}/{name}".
inline constexpr std::string_view kContainersPath = "/pavise-containers/";

// A file goes out in pieces of so much, of which a client that reads slowly has two at most.
inline constexpr std::size_t kGetPieceSize = 64UL * 1024;
// A whole file that is put in one request comes in pieces of about so much.
inline constexpr std::size_t kPutPieceSize = 4UL * 1024 * 1024;

class BlobRequests {
 public:
  // Whether the device of this upload may still send, and how much. Any thread; does not block.
  using Admit = std::function<Result<FileLimits>(const NewUpload&)>;
  // Whether the hub of this container is still there. Any thread; does not block.
  using AdmitContainer = std::function<Status(const Container&)>;
  // `stranger`: the peer's address when the URL did not show who sends, else empty.
  using Refused = std::function<void(std::string_view call, std::string_view tracking_id,
                                     const Error&, std::string_view stranger)>;

  BlobRequests(FileStore& store, const UploadTokens& tokens, Admit admit,
               AdmitContainer admit_container, const Clock& clock)
      : store_(store),
        tokens_(tokens),
        admit_(std::move(admit)),
        admit_container_(std::move(admit_container)),
        clock_(clock) {}

  static bool is_mine(std::string_view path);
  // Precondition: is_mine(head.path). From memory, at once: who has no signature for this file
  // sends no body.
  HttpHeadVerdict judge(const HttpHead& head) const;
  // The same precondition. Blocks on disk.
  HttpResponse handle(const HttpRequest& request, const Refused& refused) const;

 private:
  Result<UploadGrant> granted(std::string_view path, std::string_view query) const;
  Result<HttpResponse> serve(const HttpRequest& request) const;
  Result<HttpResponse> serve_container(const HttpRequest& request) const;
  Result<HttpResponse> get(const HttpRequest& request, const Container& container,
                           const std::string& name) const;
  Result<HttpResponse> put_part(const HttpRequest& request, const Upload& upload,
                                const FileLimits& limits) const;
  Result<HttpResponse> put_whole(const HttpRequest& request, const Upload& upload,
                                 const FileLimits& limits) const;
  Result<HttpResponse> put_piece(const HttpRequest& request, const HttpPiece& piece,
                                 const Upload& upload, const FileLimits& limits,
                                 bool only_new) const;
  HttpResponse refusal(const Error& error, std::string_view call, std::string_view peer,
                       const Refused& refused) const;

  FileStore& store_;
  const UploadTokens& tokens_;
  const Admit admit_;
  const AdmitContainer admit_container_;
  const Clock& clock_;
};

// "/pavise-containers/{id}" and the id; nullopt: another path.
std::string container_path(std::string_view id);
std::optional<std::string> container_of_path(std::string_view path);

// What a device is told to use as the name: '%', '?' and '#' are percent-encoded, since SDKs paste
// it into a URL as it is.
std::string blob_name_for_url(std::string_view device, std::string_view name);
// The whole path of a file, percent-encoded: "/pavise-files/{device}/{name}".
std::string blob_path(std::string_view device, std::string_view name);

}  // namespace pavise::hub::files
