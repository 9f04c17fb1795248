/// One job, cut out of a plan so that a worker needs nothing else: the inputs are those alone that
/// its recipes read, and the recipes' `file` counts in them.
package struct JobSlice: Equatable, Sendable {
  package var job: MergeJob
  package var inputs: [InputFile]
  package var options: MergeOptions

  package init(job: MergeJob, inputs: [InputFile], options: MergeOptions) {
    self.job = job
    self.inputs = inputs
    self.options = options
  }
}
