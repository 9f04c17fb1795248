// A calm merge broken off at every step at which anything happens, and at every pair of steps; each
// time it must finish with the right bytes all the same.

/// What strikes at a step.
package enum Blow: String, Sendable, CaseIterable {
  case killsCoordinator, killsFirstWorker, killsSecondWorker, cutsPower
}

/// Trials of one merge of a few shards by two workers.
package final class StepTrial {
  /// What went wrong, the first few.
  package private(set) var breaches: [String] = []
  package private(set) var runCount = 0

  private let stage = Stage()
  private let weather: Weather

  package init(jobs: Int = 3) { weather = .calm(jobs: jobs, workers: 2) }

  /// Steps of an undisturbed run after which something had happened.
  package func steps() -> [Int] { run([]).eventfulSteps }

  /// One blow, at each of the steps.
  package func strikeOnce(_ blow: Blow, every stride: Int = 1) {
    for (index, step) in steps().enumerated() where index % stride == 0 {
      run([(step, blow)])
    }
  }

  /// Two blows, at each pair of steps; the second among the steps of the run that the first made.
  ///
  /// `part` of `parts`: only so many of the first blows, for runs side by side.
  package func strikeTwice(
    _ first: Blow, _ second: Blow, every stride: Int = 1, part: Int = 0, of parts: Int = 1
  ) {
    for (index, step) in steps().enumerated() where index % (stride * parts) == part * stride {
      let later = run([(step, first)]).eventfulSteps.filter { $0 > step }
      for (index, other) in later.enumerated() where index % stride == 0 {
        run([(step, first), (other, second)])
      }
    }
  }

  @discardableResult
  private func run(_ blows: [(step: Int, blow: Blow)]) -> ClusterSimulation {
    let run = ClusterSimulation(seed: 1, weather: weather, stage: stage)
    run.onStep = { [unowned run] step in
      for (at, blow) in blows where at == step { run.strike(blow) }
    }
    runCount += 1
    if let broken = run.run(), breaches.count < 20 {
      breaches.append("\(blows.map { "\($0.blow) at step \($0.step)" }): \(broken)")
    }
    return run
  }
}

extension ClusterSimulation {
  /// Strikes now.
  func strike(_ blow: Blow) {
    switch blow {
    case .killsCoordinator:
      guard let coordinator = coordinators.last(where: \.isAlive) else { return }
      disk.kill(coordinator.process)
      comesToDeath(coordinator)
    case .killsFirstWorker: kill(workers[0])
    case .killsSecondWorker: kill(workers[1])
    case .cutsPower:
      disk.cutPower(.everything)
      watch.powerWasCut()
      findDead()
    }
  }
}
