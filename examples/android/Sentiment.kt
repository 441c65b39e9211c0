// Not run here: there was no Android SDK. The calls are those of MediaPipe's sources.
//
// Put the model into src/main/assets/ as model.tflite: its labels and vocabulary are in it.

import android.content.Context
import com.google.mediapipe.tasks.text.textclassifier.TextClassifier
import java.text.Normalizer

/** Says what a text is: by class its probability, the most probable first. Close it after use. */
class Sentiment(context: Context) : AutoCloseable {
    private val classifier = TextClassifier.createFromFile(context, "model.tflite")

    /** Takes some milliseconds: call it outside the main thread. */
    fun classify(text: String): Map<String, Float> =
        classifier.classify(plain(text))
            .classificationResult().classifications().first().categories()
            .associate { it.categoryName() to it.score() }

    override fun close() = classifier.close()
}

private val HIDDEN = Regex("[\\p{Cc}\\p{Cf}\\p{Co}\\p{Cs}\\uFFFD]")

/**
 * Small letters without accents, as BERT's own tokenizer makes them. MediaPipe's makes small only
 * A to Z and keeps accents, so that "naïve" would be an unknown word.
 */
fun plain(text: String): String {
    val shown = text.replace(Regex("[\\t\\n\\r]"), " ").replace(HIDDEN, "")
    val spaced = shown.replace(Regex("\\p{Z}"), " ")
    val letters = Normalizer.normalize(spaced, Normalizer.Form.NFD).replace(Regex("\\p{Mn}"), "")
    return buildString { // one by one, as BERT: no final sigma
        letters.codePoints().forEach { appendCodePoint(Character.toLowerCase(it)) }
    }
}
