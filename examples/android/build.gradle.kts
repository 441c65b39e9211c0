// Add to the app's build file. Not run here.

android {
    androidResources { noCompress += "tflite" } // the model is read where it lies
}

dependencies {
    implementation("com.google.mediapipe:tasks-text:1.0.0")
}
