// Not run here: there was no Xcode. The calls are those of MediaPipe's headers.
//
// Add the model to the app's target as model.tflite: its labels and vocabulary are in it.

import Foundation
import MediaPipeTasksText

/// Says what a text is: by class its probability, the most probable first.
final class Sentiment {
  private let classifier: TextClassifier

  init() throws {
    guard let path = Bundle.main.path(forResource: "model", ofType: "tflite") else {
      throw CocoaError(.fileNoSuchFile)
    }
    classifier = try TextClassifier(modelPath: path)
  }

  /// Takes some milliseconds: call it outside the main thread.
  func classify(_ text: String) throws -> [(label: String, probability: Float)] {
    let result = try classifier.classify(text: plain(text)).classificationResult
    return result.classifications[0].categories.map { ($0.categoryName ?? "", $0.score) }
  }
}

/// Small letters without accents, as BERT's own tokenizer makes them. MediaPipe's makes small only
/// A to Z and keeps accents, so that "naïve" would be an unknown word.
func plain(_ text: String) -> String {
  let hidden: Set<Unicode.GeneralCategory> = [.control, .format, .privateUse, .surrogate]
  var shown = String.UnicodeScalarView()
  for scalar in text.unicodeScalars {
    if scalar == "\t" || scalar == "\n" || scalar == "\r" {
      shown.append(" ")
    } else if !hidden.contains(scalar.properties.generalCategory), scalar != "\u{FFFD}" {
      shown.append(scalar.properties.isWhitespace ? " " : scalar)
    }
  }
  return String(shown).decomposedStringWithCanonicalMapping.unicodeScalars
    .filter { $0.properties.generalCategory != .nonspacingMark }
    .map { $0.properties.lowercaseMapping }  // one by one, as BERT: no final sigma
    .joined()
}
