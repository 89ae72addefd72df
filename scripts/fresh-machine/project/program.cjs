// The package has modules only: CommonJS imports it at run time.
import('pipetrain').then(({ tf, defineModel }) => console.log(typeof defineModel, tf.version_core));
