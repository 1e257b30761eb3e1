#include "daemon/runtime/server/job_service.h"

#include "daemon/runtime/server/job_list.h"
#include "daemon/runtime/server/job_messages.h"
#include "daemon/runtime/server/log_stream.h"
#include "daemon/runtime/server/watch_stream.h"
#include "daemon/runtime/wire/status.h"
#include "model/spec/parse.h"

namespace dl::runtime::server {
namespace {

constexpr std::uint32_t kPointsDefault = 1000;

std::vector<std::string> overrides_of(const auto& request) {
  return {request.set().begin(), request.set().end()};
}

}  // namespace

grpc::ServerUnaryReactor* JobService::SubmitJob(grpc::CallbackServerContext* context,
                                                const v1::SubmitJobRequest* request,
                                                v1::SubmitJobResponse* response) {
  auto* reactor = context->DefaultReactor();
  if (auto status = services_.guard.check(*context); !status.ok()) {
    reactor->Finish(status);
    return reactor;
  }
  coordinator::SubmitJob event;
  event.document.text = request->document();
  event.document.overrides = overrides_of(*request);
  event.idempotency_key = request->idempotency_key();
  event.user = request->user();
  spec::ParseResult parsed = spec::parse(event.document.text, event.document.overrides);
  if (!parsed.spec) {
    reactor->Finish(wire::to_status(invalid_argument(spec::to_string(parsed.problems, "spec"))));
    return reactor;
  }
  response->set_name(parsed.spec->name);
  event.document.parsed = std::make_shared<const JobSpec>(*std::move(parsed.spec));
  services_.control.ask(std::move(event), [this, reactor, response](const Result<JobId>& job) {
    if (job) {
      response->set_job(job->value);
      ++services_.stats.jobs_submitted;
    }
    reactor->Finish(wire::to_status(job));
  });
  return reactor;
}

grpc::ServerUnaryReactor* JobService::ValidateSpec(grpc::CallbackServerContext* context,
                                                   const v1::ValidateSpecRequest* request,
                                                   v1::ValidateSpecResponse* response) {
  auto* reactor = context->DefaultReactor();
  grpc::Status status = services_.guard.check(*context);
  if (status.ok()) {
    const auto overrides = overrides_of(*request);
    const spec::ParseResult parsed = spec::parse(request->document(), overrides);
    if (parsed.spec) response->set_spec(spec::to_yaml(*parsed.spec));
    for (const spec::Problem& problem : parsed.problems) {
      v1::SpecProblem& each = *response->add_problems();
      each.set_line(problem.line);
      each.set_column(problem.column);
      each.set_key(problem.key);
      each.set_message(problem.message);
    }
  }
  reactor->Finish(status);
  return reactor;
}

grpc::ServerUnaryReactor* JobService::GetJob(grpc::CallbackServerContext* context,
                                             const v1::GetJobRequest* request, v1::Job* response) {
  auto* reactor = context->DefaultReactor();
  if (auto status = services_.guard.check(*context); !status.ok()) {
    reactor->Finish(status);
    return reactor;
  }
  services_.lookup.find(request->job(), [this, reactor, response](const Result<JobView>& view) {
    if (view) {
      *response = to_message(*view, services_.settings.artifact_root, JobDetail::kFull);
    }
    reactor->Finish(wire::to_status(view));
  });
  return reactor;
}

grpc::ServerUnaryReactor* JobService::ListJobs(grpc::CallbackServerContext* context,
                                               const v1::ListJobsRequest* request,
                                               v1::ListJobsResponse* response) {
  auto* reactor = context->DefaultReactor();
  grpc::Status status = services_.guard.check(*context);
  const auto query = parse_list_query(*request);
  if (status.ok()) status = wire::to_status(query);
  if (!status.ok()) {
    reactor->Finish(status);
    return reactor;
  }
  list_jobs(services_, *query, [reactor, response](Result<v1::ListJobsResponse> page) {
    if (page) *response = *std::move(page);
    reactor->Finish(wire::to_status(page));
  });
  return reactor;
}

grpc::ServerUnaryReactor* JobService::CancelJob(grpc::CallbackServerContext* context,
                                                const v1::CancelJobRequest* request,
                                                v1::CancelJobResponse*) {
  auto* reactor = context->DefaultReactor();
  if (auto status = services_.guard.check(*context); !status.ok()) {
    reactor->Finish(status);
    return reactor;
  }
  const bool kill = request->kill();
  services_.lookup.find(request->job(), [this, reactor, kill](const Result<JobView>& view) {
    // A job that has ended is as stopped as can be.
    if (!view || !view->live) return reactor->Finish(wire::to_status(view));
    cancel(reactor, view->job.id, kill);
  });
  return reactor;
}

void JobService::cancel(grpc::ServerUnaryReactor* reactor, JobId job, bool kill) {
  services_.control.ask(coordinator::CancelJob{0, job, kill},
                        [reactor](const Result<JobId>& result) {
                          // It may have ended since it was looked up.
                          const bool gone = !result && result.error().code == Code::kNotFound;
                          reactor->Finish(gone ? grpc::Status::OK : wire::to_status(result));
                        });
}

grpc::ServerUnaryReactor* JobService::ExplainJob(grpc::CallbackServerContext* context,
                                                 const v1::ExplainJobRequest* request,
                                                 v1::Explanation* response) {
  auto* reactor = context->DefaultReactor();
  if (auto status = services_.guard.check(*context); !status.ok()) {
    reactor->Finish(status);
    return reactor;
  }
  services_.lookup.find(request->job(),
                        [reactor, response](const Result<JobView>& view) {
                          if (view) *response = to_message(view->explanation);
                          reactor->Finish(wire::to_status(view));
                        },
                        {.detail = LookupDetail::kExplained});
  return reactor;
}

grpc::ServerWriteReactor<v1::JobEvent>* JobService::WatchJob(grpc::CallbackServerContext* context,
                                                             const v1::WatchJobRequest* request) {
  const auto stream = WatchStream::make({services_.history, services_.hub, services_.pool});
  if (auto status = services_.guard.check(*context); !status.ok()) {
    stream->end(status);
    return stream.get();
  }
  services_.lookup.find(
      request->job(), [stream, after = request->after(),
                       follow = !request->no_follow()](const Result<JobView>& view) {
        if (!view) return stream->end(wire::to_status(view));
        stream->begin(view->job.id, after, follow, view->job.document.parsed->train.batch_size);
      });
  return stream.get();
}

grpc::ServerWriteReactor<v1::LogChunk>* JobService::ReadLogs(grpc::CallbackServerContext* context,
                                                             const v1::ReadLogsRequest* request) {
  const auto stream = LogStream::make({services_.lookup, services_.relay, services_.hub}, *request);
  if (auto status = services_.guard.check(*context); !status.ok()) {
    stream->end(status);
  } else {
    stream->begin();
  }
  return stream.get();
}

grpc::ServerUnaryReactor* JobService::ListMetrics(grpc::CallbackServerContext* context,
                                                  const v1::ListMetricsRequest* request,
                                                  v1::ListMetricsResponse* response) {
  auto* reactor = context->DefaultReactor();
  if (auto status = services_.guard.check(*context); !status.ok()) {
    reactor->Finish(status);
    return reactor;
  }
  journal::MetricsQuery query;
  query.name = request->name();
  query.trial = request->trial();
  query.after_step = request->after_step();
  query.points_max = request->points_max() == 0 ? kPointsDefault : request->points_max();
  services_.lookup.find(request->job(),
                        [this, reactor, response, query](const Result<JobView>& view) mutable {
                          if (!view) return reactor->Finish(wire::to_status(view));
                          query.job = view->job.id;
                          const auto all = services_.history.metrics(query);
                          if (all) {
                            for (const journal::MetricSeries& series : *all) {
                              *response->add_series() = to_message(series);
                            }
                          }
                          reactor->Finish(wire::to_status(all));
                        });
  return reactor;
}

}  // namespace dl::runtime::server
