#include "daemon/runtime/server/search_service.h"

#include <charconv>

#include "daemon/coordinator/decide/gang_orders.h"
#include "daemon/coordinator/derived.h"
#include "daemon/runtime/server/job_messages.h"
#include "daemon/runtime/server/search_messages.h"
#include "daemon/runtime/wire/status.h"
#include "model/spec/parse.h"

namespace dl::runtime::server {
namespace {

Timestamp now() { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }

// The trial's number; 0 of "best".
Result<std::uint32_t> parse_trial(const std::string& text) {
  if (text == "best") return std::uint32_t{0};
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number == 0) {
    return invalid_argument("\"" + text +
                            "\" is not a trial; give its number, as in 3, or \"best\"");
  }
  return number;
}

Result<std::uint32_t> number_of(const JobView& view, std::uint32_t wanted) {
  const std::string job = "job " + to_string(view.job.id);
  if (wanted == 0) {
    if (!view.search->best.empty()) return view.search->best.front();
    return Error{Code::kFailedPrecondition,
                 "no trial of " + job +
                     " has reported its objective yet, so none is the best; see "
                     "`dlctl trials " +
                     to_string(view.job.id) + "`"};
  }
  if (view.job.trials.contains(wanted)) return wanted;
  return not_found(job + " has no trial " + std::to_string(wanted) + "; it has started " +
                   std::to_string(view.search->started));
}

v1::SearchTrial detailed(const JobView& view, const coordinator::Trial& trial,
                         const coordinator::Settings& settings) {
  v1::SearchTrial message = to_message(trial, now());
  if (const auto& spec = coordinator::trial_spec(view.job, trial)) {
    message.set_spec(spec::to_yaml(*spec));
  }
  message.set_artifact_dir(coordinator::artifact_dir(settings, {view.job.id, trial.number}));
  return message;
}

}  // namespace

void SearchService::find(const std::string& job, const Wanted& wanted, JobLookup::Found then) {
  services_.lookup.find(
      job,
      [then = std::move(then)](Result<JobView> view) {
        if (view && !view->search) {
          return then(Error{Code::kFailedPrecondition, "job " + to_string(view->job.id) +
                                                           " has no search block, so it has no "
                                                           "trials to compare; see `dlctl status " +
                                                           to_string(view->job.id) + "`"});
        }
        then(std::move(view));
      },
      wanted);
}

grpc::ServerUnaryReactor* SearchService::ListTrials(grpc::CallbackServerContext* context,
                                                    const v1::ListTrialsRequest* request,
                                                    v1::ListTrialsResponse* response) {
  auto* reactor = context->DefaultReactor();
  if (auto status = services_.guard.check(*context); !status.ok()) {
    reactor->Finish(status);
    return reactor;
  }
  find(request->job(), {.trials = Trials::kAll}, [reactor, response](const Result<JobView>& view) {
    if (view) {
      const Timestamp at = now();
      *response->mutable_search() = search_message(*view);
      for (const auto& [number, trial] : view->job.trials) {
        *response->add_trials() = to_message(trial, at);
      }
      response->set_job(view->job.id.value);
      response->set_name(view->job.name);
      response->set_state(to_message(view->job.state));
    }
    reactor->Finish(wire::to_status(view));
  });
  return reactor;
}

grpc::ServerUnaryReactor* SearchService::GetTrial(grpc::CallbackServerContext* context,
                                                  const v1::GetTrialRequest* request,
                                                  v1::SearchTrial* response) {
  auto* reactor = context->DefaultReactor();
  grpc::Status status = services_.guard.check(*context);
  const auto wanted = parse_trial(request->trial());
  if (status.ok()) status = wire::to_status(wanted);
  if (!status.ok()) {
    reactor->Finish(status);
    return reactor;
  }
  find(request->job(), {.trial = *wanted},
       [this, reactor, response, wanted = *wanted](const Result<JobView>& view) {
         if (!view) return reactor->Finish(wire::to_status(view));
         const auto number = number_of(*view, wanted);
         if (number) {
           *response = detailed(*view, view->job.trials.at(*number), services_.settings);
         }
         reactor->Finish(wire::to_status(number));
       });
  return reactor;
}

template <class Change>
void SearchService::change(const std::string& reference, Change change,
                           ControlThread::Replied then) {
  services_.lookup.find(reference, [this, change = std::move(change),
                                    then = std::move(then)](const Result<JobView>& view) mutable {
    if (!view) return then(view.error());
    change.job = view->job.id;
    services_.control.ask(std::move(change), std::move(then));
  });
}

grpc::ServerUnaryReactor* SearchService::set_paused(grpc::CallbackServerContext& context,
                                                    const std::string& job,
                                                    coordinator::PauseSearch event) {
  auto* reactor = context.DefaultReactor();
  if (auto status = services_.guard.check(context); !status.ok()) {
    reactor->Finish(status);
    return reactor;
  }
  change(job, std::move(event),
         [reactor](const Result<JobId>& done) { reactor->Finish(wire::to_status(done)); });
  return reactor;
}

grpc::ServerUnaryReactor* SearchService::PauseSearch(grpc::CallbackServerContext* context,
                                                     const v1::PauseSearchRequest* request,
                                                     v1::PauseSearchResponse*) {
  coordinator::PauseSearch event;
  event.user = request->user();
  return set_paused(*context, request->job(), std::move(event));
}

grpc::ServerUnaryReactor* SearchService::ResumeSearch(grpc::CallbackServerContext* context,
                                                      const v1::ResumeSearchRequest* request,
                                                      v1::ResumeSearchResponse*) {
  coordinator::PauseSearch event;
  event.pause = false;
  return set_paused(*context, request->job(), std::move(event));
}

grpc::ServerUnaryReactor* SearchService::ExtendSearch(grpc::CallbackServerContext* context,
                                                      const v1::ExtendSearchRequest* request,
                                                      v1::ExtendSearchResponse* response) {
  auto* reactor = context->DefaultReactor();
  if (auto status = services_.guard.check(*context); !status.ok()) {
    reactor->Finish(status);
    return reactor;
  }
  coordinator::ExtendSearch extend;
  extend.trials = request->trials();
  extend.max_parallel = request->max_parallel();
  change(request->job(), std::move(extend), [this, reactor, response](const Result<JobId>& done) {
    if (!done) return reactor->Finish(wire::to_status(done));
    find(to_string(*done), {}, [reactor, response](const Result<JobView>& view) {
      if (view) *response->mutable_search() = search_message(*view);
      reactor->Finish(wire::to_status(view));
    });
  });
  return reactor;
}

}  // namespace dl::runtime::server
