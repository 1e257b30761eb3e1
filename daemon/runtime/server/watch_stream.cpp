#include "daemon/runtime/server/watch_stream.h"

#include <algorithm>
#include <boost/asio/post.hpp>

#include "daemon/runtime/server/job_messages.h"
#include "daemon/runtime/wire/status.h"

namespace dl::runtime::server {
namespace {

constexpr std::size_t kPage = 500;

}  // namespace

std::shared_ptr<WatchStream> WatchStream::make(Services services) {
  std::shared_ptr<WatchStream> stream(new WatchStream(services));
  stream->self_ = stream;
  return stream;
}

void WatchStream::begin(JobId job, std::uint64_t after, bool follow, std::uint32_t batch_size) {
  job_ = job;
  follow_ = follow;
  batch_size_ = batch_size;
  if (follow) {
    // Before the first read: what is committed after that read is then news.
    subscription_ = services_.hub.subscribe(
        job, [weak = weak_from_this()](const std::shared_ptr<const v1::JobEvent>& progress) {
          if (const auto self = weak.lock()) self->on_news(progress);
        });
  }
  std::unique_lock lock(mutex_);
  after_ = after;
  news_ = true;
  go_on(lock);
}

void WatchStream::on_news(const std::shared_ptr<const v1::JobEvent>& progress) {
  std::unique_lock lock(mutex_);
  if (progress) {
    progress_ = progress;
  } else {
    news_ = true;
  }
  go_on(lock);
}

void WatchStream::go_on(std::unique_lock<std::mutex>& lock) {
  if (reading_ || writing_ || end_) return;
  if (page_.empty() && news_) {
    reading_ = true;
    lock.unlock();
    boost::asio::post(services_.pool, [self = shared_from_this()] { self->read_more(); });
    return;
  }
  if (!page_.empty()) {
    after_ = page_.back().id;
    outgoing_ = to_message(page_.back());
    page_.pop_back();
  } else if (progress_) {
    outgoing_ = *std::exchange(progress_, nullptr);
    outgoing_.mutable_progress()->set_eta_seconds(eta_seconds(outgoing_.progress(), batch_size_));
  } else {
    return;
  }
  writing_ = true;
  StartWrite(&outgoing_);
}

void WatchStream::read_more() {
  std::unique_lock lock(mutex_);
  news_ = false;
  const std::uint64_t after = after_;
  lock.unlock();
  // In this order: once the job is known to have ended, all its events are there.
  const auto ended = services_.history.is_finished(job_);
  auto page = services_.history.events(job_, after, kPage);
  lock.lock();
  reading_ = false;
  if (!ended || !page) return finish(lock, wire::to_status(!page ? page.error() : ended.error()));
  if (page->empty() && (*ended || !follow_)) return finish(lock, grpc::Status::OK);
  // There may be more after this page, or the job may have ended since.
  news_ = news_ || !page->empty();
  page_ = *std::move(page);
  std::reverse(page_.begin(), page_.end());
  go_on(lock);
}

void WatchStream::OnWriteDone(bool ok) {
  std::unique_lock lock(mutex_);
  writing_ = false;
  if (!ok && !end_) end_ = grpc::Status(grpc::StatusCode::CANCELLED, "the client has gone");
  if (end_) return finish(lock, *end_);
  go_on(lock);
}

void WatchStream::end(const grpc::Status& status) {
  std::unique_lock lock(mutex_);
  finish(lock, status);
}

void WatchStream::OnCancel() { end({grpc::StatusCode::CANCELLED, "the client has gone"}); }

void WatchStream::finish(std::unique_lock<std::mutex>& lock, const grpc::Status& status) {
  if (!end_) end_ = status;
  if (writing_ || std::exchange(finished_, true)) return;
  lock.unlock();
  Finish(*end_);
}

void WatchStream::OnDone() {
  subscription_.reset();
  self_.reset();
}

}  // namespace dl::runtime::server
