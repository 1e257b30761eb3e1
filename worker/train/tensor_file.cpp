#include "worker/train/tensor_file.h"

#include "base/assert.h"

namespace dl::worker::train {
namespace {

DType dtype_of(const torch::Tensor& tensor) {
  switch (tensor.scalar_type()) {
    case torch::kFloat32: return DType::kFloat32;
    case torch::kFloat64: return DType::kFloat64;
    case torch::kInt64: return DType::kInt64;
    case torch::kInt32: return DType::kInt32;
    case torch::kUInt8: return DType::kUint8;
    case torch::kFloat16: return DType::kFloat16;
    case torch::kBFloat16: return DType::kBfloat16;
    default: break;
  }
  assertion_failed("dtype_of", "models have tensors of the types a file can hold", __FILE__,
                   __LINE__);
}

}  // namespace

void TensorFile::add(const std::string& name, const torch::Tensor& tensor) {
  const torch::Tensor here = tensor.detach().to(torch::kCPU).contiguous();
  owned.push_back(here);
  views.push_back({.name = name,
                   .dtype = dtype_of(here),
                   .shape = here.sizes().vec(),
                   .bytes = {static_cast<const std::byte*>(here.const_data_ptr()), here.nbytes()}});
}

Result<void> copy_tensor(const Container& container, const std::string& name,
                         const torch::Tensor& to) {
  const TensorView* view = container.find(name);
  if (view == nullptr) {
    return invalid_argument("has no tensor " + name + ": it was written for another model");
  }
  if (view->dtype != dtype_of(to) || view->shape != to.sizes().vec()) {
    return invalid_argument("has a tensor " + name +
                            " of another shape: it was written for another model");
  }
  // from_blob takes no const pointer; copy_ only reads.
  void* bytes = const_cast<std::byte*>(view->bytes.data());
  const torch::NoGradGuard no_grad;
  to.detach().copy_(torch::from_blob(bytes, to.sizes(), to.options().device(torch::kCPU)));
  return {};
}

}  // namespace dl::worker::train
