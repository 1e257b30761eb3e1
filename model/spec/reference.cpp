// docs/spec.md, from the table of keys.

#include <algorithm>
#include <array>

#include "base/assert.h"
#include "model/spec/native/write.h"
#include "model/spec/parse.h"

namespace dl::spec {
namespace {

constexpr std::string_view kIntroduction = R"(# The spec of a job

A job is one document, in YAML or JSON: what `dlctl submit` and `POST /v1/jobs` take. This page is
made by `spec_reference` from the table that reads the documents (`model/spec/keys.cpp`); edit the
table, then run `build/dev/bin/spec_reference > docs/spec.md`.

A job trains one of the built-in models:

```yaml
name: fashion-mnist
model: {name: lenet, classes: 10}
data:
  format: idx
  path: /usr/share/datasets/fashion-mnist
train:
  epochs: 5
  batch_size: 128
  learning_rate: 0.05
strategy: {name: ring, workers: 2}
```

or runs any command, in roles or as a single worker:

```yaml
name: resnet-tf
command: python3 /srv/jobs/resnet.py
roles:
  chief: {gpus: 1}
  worker: {count: 3, gpus: 1}
  ps: {count: 2, cpus: 2}
```

`dlctl validate -o yaml FILE` prints a document with all defaults. `dlctl submit --set
train.epochs=3 FILE` sets a key over the document, however often it is given; the value is YAML.

A document that is wrong is refused as a whole, with every problem in it: its line and column, the
key, what would be right. Keys that are not listed here, keys that stand twice, tags and merge keys
are problems; anchors and aliases are fine. A document has at most 1 MiB, 64 levels and 10,000
values.

| value | is written |
| --- | --- |
| duration | with its units: `500ms`, `15s`, `2m`, `1h30m` |
| size | with its unit: `512MiB`, `4GiB`, `10MB` (powers of 1,000), or as bytes |
| number | `0.05`, `1e-4`; finite, and not in quotes |
| whole number | `10`, `0x10`, `1e6` |
| truth | `true` or `false` |
)";

constexpr std::string_view kClosing = R"(
## What has to fit together

- A job has a model or a command, not both. A model needs `data`.
- `train.batch_size` is a multiple of `strategy.workers` times `train.accumulate_steps`.
- A model of images reads `idx` or `synthetic`, a transformer `text` or `synthetic`, wide_deep
  `synthetic`. A transformer's width is a multiple of its heads.
- `train.precision: float16` needs GPUs and the strategy `ring`.
- Roles belong to a command. Each has a command of its own, or the job has one for all. There is at
  most one chief and one evaluator, and at least one chief or worker: the job ends when those have
  ended.
- A task needs a GPU or a CPU slot.
)";

struct Title {
  std::string_view path;
  std::string_view text;
};

constexpr std::array<Title, 19> kTitles = {{
    {"", "Keys of the document itself."},
    {"model", "The network, and with it the kind of job: the built-in worker trains it."},
    {"data", "What a model is trained on."},
    {"train", "How a model is trained."},
    {"train.schedule", "How the learning rate changes over a run."},
    {"strategy", "How many workers train a model, and how they agree."},
    {"strategy.compression",
     "Fewer bytes for the gradients on the wire; [compression.md](compression.md) has the price of "
     "each."},
    {"checkpoint", "When a model's training is saved. A restart begins at the newest checkpoint."},
    {"restarts", "How often a job is started again, for each kind of failure."},
    {"resources", "Of each worker of a model, or of a command without roles."},
    {"roles.*",
     "The tasks of a command: `chief`, `worker`, `ps`, `evaluator`, each a mapping of these."},
    {"search",
     "Runs the job once a trial, each time with other values. [search.md](search.md) has the forms "
     "of `parameters`, `constraints` and `initial_points`."},
    {"search.stop", "What ends a search before `max_trials`."},
    {"search.early_stopping", "What ends a trial that will not be the best."},
    {"search.halving",
     "Budgets: for asha, hyperband, bohb, successive_halving, and what pbt counts in."},
    {"search.tpe", "Tree-structured Parzen estimator; bohb's too."},
    {"search.gp", "Gaussian process with expected improvement."},
    {"search.cmaes", "Covariance matrix adaptation."},
    {"search.pbt", "Population-based training."},
}};

std::string_view text_of(std::string_view path) {
  const auto found =
      std::find_if(kTitles.begin(), kTitles.end(), [&](const Title& t) { return t.path == path; });
  DL_ASSERT(found != kTitles.end(), "every section has a sentence in the reference");
  return found->text;
}

std::string default_of(const Key& key) {
  if (!key.default_note.empty()) return std::string(key.default_note);
  JobSpec job;
  RoleSpec role;
  const Node value = native::write_value(key, Target{job, role});
  if (value.kind == Node::Kind::kList && !value.items.empty()) {
    std::string list;
    for (const Node& item : value.items) list += (list.empty() ? "" : ", ") + item.text;
    return "`[" + list + "]`";
  }
  return value.text.empty() ? "" : "`" + value.text + "`";
}

std::string_view word_of(AppliesTo applies_to) {
  switch (applies_to) {
    case AppliesTo::kEveryJob: return "any";
    case AppliesTo::kModel: return "model";
    case AppliesTo::kCommand: return "command";
    case AppliesTo::kSearch: return "any";
  }
  return "any";
}

void add_section(const Section& section, const std::string& path, std::string& out) {
  if (!section.keys.empty()) {
    std::string title = path.empty() ? "The document" : "`" + path + "`";
    if (const auto star = title.find("*"); star != std::string::npos)
      title.replace(star, 1, "<role>");
    out += "\n## " + title + "\n\n" + std::string(text_of(path)) + "\n\n";
    out += "| key | value | default | jobs | |\n| --- | --- | --- | --- | --- |\n";
    for (const Key* key : section.keys) {
      out += "| `" + std::string(last_part(key->path)) + "` | " + expected(*key) + " | " +
             default_of(*key) + " | " + std::string(word_of(key->applies_to)) + " | " +
             std::string(key->help) + " |\n";
    }
  }
  for (const Section& inner : section.sections) {
    add_section(inner, join_path(path, inner.name), out);
  }
}

}  // namespace

std::string reference_markdown() {
  std::string out(kIntroduction);
  add_section(root_section(), "", out);
  return out.append(kClosing);
}

}  // namespace dl::spec
